"""What each kind of target asks of a probe: what its answer is, by what loss it learns, and how it is scored."""

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class TargetKind(NamedTuple):
    """The mathematics of one kind of target; answers are `[..., *shape]`, targets as `ProbeTarget` has them."""

    metric: str
    """What the score is called: the metric of a target is `<name>_<metric>`."""
    loss: Callable[[Tensor, Tensor], Tensor]
    """Of answers `[..., *shape]` and targets, the mean loss, a scalar."""
    losses: Callable[[Tensor, Tensor], Tensor]
    """Of answers `[N, *shape]` and targets, the loss of each, `[N]`."""
    score: Callable[[Tensor, Tensor], Tensor] | None
    """Of answers `[..., *shape]` and targets, the score, a scalar; None: it is the loss itself."""


def as_numbers(target: Tensor) -> Tensor:
    """Return a target as what a probe is to answer: a picture in [0, 1], a vector as it is."""
    return target if target.is_floating_point() else target / 255.0


def squared_error(read: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error of vectors or pictures, a scalar."""
    return F.mse_loss(read, as_numbers(target))


def squared_errors(read: Tensor, target: Tensor) -> Tensor:
    """Return the squared error of each vector or picture `[N, *shape]`, the mean over its numbers, `[N]`."""
    return (read - as_numbers(target)).square().flatten(1).mean(1)


def cross_entropy(read: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy of logits `[..., C]` and classes `[...]`, a scalar, in nats."""
    return F.cross_entropy(read.flatten(0, -2), target.flatten())


def cross_entropies(read: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy of each of N logits `[N, C]` and classes `[N]`, `[N]`, in nats."""
    return F.cross_entropy(read, target, reduction="none")


def accuracy(read: Tensor, target: Tensor) -> Tensor:
    """Return how often the most likely of the logits `[..., C]` is the class `[...]`, a scalar."""
    return (read.argmax(-1) == target).float().mean()


_CLASS = TargetKind("accuracy", cross_entropy, cross_entropies, accuracy)
_NUMBERS = TargetKind("mse", squared_error, squared_errors, None)

KINDS = {"class": _CLASS, "vector": _NUMBERS, "picture": _NUMBERS}
"""By the kind's name."""
