"""The kinds of targets: the loss and the score of a probe's answers."""

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from simcore.worlds.api import NO_CLASS


class TargetKind(NamedTuple):
    """Loss and score of one kind of target; answers are `[..., *shape]`, targets as in `ProbeTarget`.

    Where there is no class both are 0, but still count in the means.
    """

    metric: str
    """The name of the score: a target's metric is `<name>_<metric>`."""
    loss: Callable[[Tensor, Tensor], Tensor]
    """The mean loss, a scalar, of answers `[..., *shape]` and targets."""
    losses: Callable[[Tensor, Tensor], Tensor]
    """The loss of each answer, `[N]`, of answers `[N, *shape]` and targets."""
    score: Callable[[Tensor, Tensor], Tensor] | None
    """The score, a scalar, of answers `[..., *shape]` and targets; None: it is the loss itself."""


def as_numbers(target: Tensor) -> Tensor:
    """Return a target on the scale of a probe's answer: a picture in [0, 1], a vector unchanged."""
    return target if target.is_floating_point() else target / 255.0


def squared_error(read: Tensor, target: Tensor) -> Tensor:
    """Compute the mean squared error of vectors or pictures, a scalar."""
    return F.mse_loss(read, as_numbers(target))


def squared_errors(read: Tensor, target: Tensor) -> Tensor:
    """Compute the mean squared error of each vector or picture `[N, *shape]`: `[N]`."""
    return (read - as_numbers(target)).square().flatten(1).mean(1)


def cross_entropy(read: Tensor, target: Tensor) -> Tensor:
    """Compute the mean cross-entropy of logits `[..., C]` and classes `[...]`, a scalar, in nats."""
    return cross_entropies(read.flatten(0, -2), target.flatten()).mean()


def cross_entropies(read: Tensor, target: Tensor) -> Tensor:
    """Compute the cross-entropies of logits `[N, C]` and classes `[N]`, `[N]`, in nats; 0 where there is no class."""
    return F.cross_entropy(read, target, reduction="none", ignore_index=NO_CLASS)


def accuracy(read: Tensor, target: Tensor) -> Tensor:
    """Compute how often the largest of the logits `[..., C]` is that of the class `[...]`, a scalar in [0, 1]."""
    return (read.argmax(-1) == target).float().mean()


def part_told(target: Tensor) -> Tensor:
    """Compute the fraction of the cases with a class `[...]`, a scalar in [0, 1]."""
    return (target != NO_CLASS).float().mean()


_CLASS = TargetKind("accuracy", cross_entropy, cross_entropies, accuracy)
_NUMBERS = TargetKind("mse", squared_error, squared_errors, None)

KINDS = {"class": _CLASS, "vector": _NUMBERS, "picture": _NUMBERS}
"""The kinds of targets by name."""
