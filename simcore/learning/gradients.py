"""How strong the objectives' gradients are at the belief core, compared."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from simcore.common.distributed import Ranks
from simcore.common.precision import lowered
from simcore.learning.batch import Batch
from simcore.memory import RecurrentCore
from simcore.objectives.base import Objective


def ratio_of(objectives: Iterable[Objective]) -> str | None:
    """Return the objective whose gradient at the belief core can be told from the others', by name.

    It is the first that trains the belief, if the belief reaches its loss by the core's outputs alone, and if there is
    another to compare it with.
    """
    training = [objective for objective in objectives if objective.trains_belief]
    return training[0].name if len(training) > 1 and training[0].reads_outputs_alone else None


def gradient_at_core(
    loss: Tensor, beliefs: Tensor, core: RecurrentCore, observed: Tensor, batch: Batch, precision: str
) -> list[Tensor]:
    """Return the gradient at the belief core's weights of a loss that sees its outputs `beliefs` alone.

    The core is unrolled a second time for it, since one with a memory can be gone back through but once; what lies
    between loss and beliefs can be gone back through again.

    Args:
        loss: a scalar.
        beliefs: what the core made of `observed` along the trajectory, `[T, B, *]`.
        core: the belief core.
        observed: its inputs, `[T, B, *]`.
        batch: says where the episodes begin, and the state before the first step.
        precision: what the core works in.
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

    The core's gradient is the sum of all, so that of the others is what is left of it.

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
