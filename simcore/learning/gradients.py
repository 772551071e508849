"""What an update measures of itself: the ratio of gradient norms at the belief core, the spread of embeddings."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from simcore.common.distributed import Ranks
from simcore.common.precision import lowered
from simcore.learning.batch import Batch
from simcore.memory import RecurrentCore
from simcore.objectives.base import Objective


def ratio_of(objectives: Iterable[Objective]) -> str | None:
    """Return the name of the objective whose gradient at the belief core can be separated from the others'.

    It is the first that trains the belief, if its loss depends on the belief only by the core's outputs, and if there
    is another to compare it with; otherwise None.
    """
    training = [objective for objective in objectives if objective.trains_belief]
    return training[0].name if len(training) > 1 and training[0].reads_outputs_alone else None


def gradient_at_core(
    loss: Tensor, beliefs: Tensor, core: RecurrentCore, observed: Tensor, batch: Batch, precision: str
) -> list[Tensor]:
    """Return the gradient with respect to the belief core's weights of a loss that depends only on its outputs.

    The core is unrolled a second time, since the graph of one with a memory supports only one backward pass; the graph
    between loss and beliefs is retained.

    Args:
        loss: a scalar.
        beliefs: the core's outputs for `observed` along the trajectory, `[T, B, *]`.
        core: the belief core.
        observed: its inputs, `[T, B, *]`.
        batch: has the episodes' beginnings, and the state before the first step.
        precision: of the core's products.
    """
    (at_beliefs,) = torch.autograd.grad(loss, beliefs, retain_graph=True)
    state = batch.trajectory.initial_state
    assert state is not None
    with lowered(precision, observed.device):
        again = core(observed.detach(), core.portable(state), batch.resets)
    weights = list(core.parameters())
    return list(torch.autograd.grad(again.outputs, weights, at_beliefs, allow_unused=True, materialize_grads=True))


def gradient_ratio(core: RecurrentCore, of_one: list[Tensor], ranks: Ranks) -> Tensor:
    """Return the norm of the other objectives' gradient at the belief core over that of one, a scalar.

    The core's gradient is the sum of all, so that of the others is the difference.

    Args:
        core: with its gradient.
        of_one: what `gradient_at_core` returned.
        ranks: the processes that share the batch.
    """
    ranks.average(of_one)
    of_others = [
        parameter.grad - one
        for parameter, one in zip(core.parameters(), of_one, strict=True)
        if parameter.grad is not None
    ]
    return nn.utils.get_total_norm(of_others) / nn.utils.get_total_norm(of_one)


def spread(embeddings: Tensor, ranks: Ranks) -> Tensor:
    """Return the standard deviation of each dimension over the batch of all processes, averaged over dimensions.

    Args:
        embeddings: this process's, `[T, B, E]`.
        ranks: the processes that share the batch.

    Returns:
        A scalar; NaN of a single embedding.
    """
    count = ranks.size * embeddings[..., 0].numel()
    mean = ranks.mean(embeddings.mean(dim=(0, 1)))
    squares = ranks.size * ranks.mean((embeddings - mean).square().sum(dim=(0, 1)))
    return (squares / (count - 1)).sqrt().mean()
