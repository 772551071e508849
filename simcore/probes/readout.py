"""Probes of the belief: a net for each target, such as the map, the agent's cell and its heading (App. I)."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

from torch import Tensor, nn

from simcore.common.checks import require
from simcore.data.targets import ProbeTargets
from simcore.networks import Standardise
from simcore.probes.config import ProbesConfig
from simcore.probes.heads import find_heads, leave_out_shallow, make_head
from simcore.probes.kinds import KINDS
from simcore.worlds.api import ProbeTarget

Readout = dict[str, Tensor]
"""The probes' answers for beliefs `[...]`, by target name: the logits of a class `[..., C]`, a vector `[..., D]`, or a
picture, float `[..., H, W, 3]`, not bounded to [0, 1]."""


class ProbeLoss(NamedTuple):
    """The probes' loss and scores of one batch; each a scalar."""

    loss: Tensor
    """The sum of the probes' losses; their parameters are disjoint, so the sum trains each alone."""
    metrics: dict[str, Tensor]
    """Scores by name, without gradient: `<name>_accuracy` of a class, how often the most likely is the true one;
    `<name>_mse` of a vector or picture, the mean squared error, with a picture's values in [0, 1]."""


class Probes(nn.Module):
    """The probes: a net from the standardised belief to each target.

    Args:
        config: the nets' sizes, and the heads of a user.
        belief_size: the size of b_t.
        targets: the world's targets.

    Raises:
        UserError: a head is unknown, or named for an unknown target, or a target has the name of a module's attribute.
    """

    def __init__(self, config: ProbesConfig, *, belief_size: int, targets: Sequence[ProbeTarget]) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.standardise = Standardise(belief_size)
        heads = find_heads(config, targets)
        for target in targets:
            taken = hasattr(self, target.name)
            require(not taken, f"no target can be named {target.name}: a net has something of that name; take another")
            self.add_module(target.name, make_head(heads[target.name], config, belief_size, target))
        self.register_load_state_dict_pre_hook(leave_out_shallow)  # type: ignore[no-untyped-call]

    def forward(self, beliefs: Tensor) -> Readout:
        """Read all targets from beliefs `[..., belief_size]`."""
        inputs = self.standardise(beliefs)
        return {target.name: self.get_submodule(target.name)(inputs) for target in self.targets}

    def begin_at(self, truth: ProbeTargets) -> None:
        """Initialise the nets from targets `[N, ...]`, for instance a picture at its mean."""
        for target in self.targets:
            self.get_submodule(target.name).begin_at(truth[target.name])  # type: ignore[operator]

    def loss(self, beliefs: Tensor, truth: ProbeTargets, picture_weight: float = 1.0) -> ProbeLoss:
        """Compute the loss and the scores of beliefs.

        Args:
            beliefs: `[..., belief_size]`; detach them, unless the loss is to train them.
            truth: the true targets, `[..., *]`.
            picture_weight: weight of a picture's error in the loss; it matters only if the belief is trained by it.
        """
        read = self(beliefs)
        losses: list[Tensor] = []
        metrics: dict[str, Tensor] = {}
        for target in self.targets:
            kind, answer, true = KINDS[target.kind], read[target.name], truth[target.name]
            loss = kind.loss(answer, true)
            losses.append(picture_weight * loss if target.kind == "picture" else loss)
            score = loss if kind.score is None else kind.score(answer, true)
            metrics[f"{target.name}_{kind.metric}"] = score.detach()
        return ProbeLoss(reduce(add, losses), metrics)

    def losses(self, beliefs: Tensor, truth: ProbeTargets) -> dict[str, Tensor]:
        """Compute the losses `[N]` of beliefs `[N, belief_size]`, by target name."""
        read = self(beliefs)
        return {each.name: KINDS[each.kind].losses(read[each.name], truth[each.name]) for each in self.targets}
