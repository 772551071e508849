"""Probes of the belief: a net for each target, as the map, the cell where the agent stands and its heading (App. I)."""

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
"""What probes say of beliefs `[...]`, by the targets' names: of a class the logits `[..., C]`, of a vector `[..., D]`,
of a picture floats `[..., H, W, 3]`, not bounded to [0, 1]."""


class ProbeLoss(NamedTuple):
    """The probes' loss and scores of one batch; each a scalar."""

    loss: Tensor
    """The sum of the probes' losses; their parameters are disjoint, so the sum trains each alone."""
    metrics: dict[str, Tensor]
    """By name, without gradient: of a class `<name>_accuracy`, how often the most likely is the true one; of a vector
    or picture `<name>_mse`, the squared error of a number, a picture's from 0 to 1."""


class Probes(nn.Module):
    """A net for each target, from the belief to what the world hides; their inputs are standardised.

    Args:
        config: the nets' sizes, and which are a user's own.
        belief_size: the size of b_t.
        targets: what the world tells.

    Raises:
        UserError: a head is named that there is not, or for no target, or a target's name is one that a net has.
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
        """Read beliefs `[..., belief_size]`."""
        inputs = self.standardise(beliefs)
        return {target.name: self.get_submodule(target.name)(inputs) for target in self.targets}

    def begin_at(self, truth: ProbeTargets) -> None:
        """Let the nets begin near what is to be read, `[N, ...]`: a picture, for one, at its mean."""
        for target in self.targets:
            self.get_submodule(target.name).begin_at(truth[target.name])  # type: ignore[operator]

    def loss(self, beliefs: Tensor, truth: ProbeTargets, picture_weight: float = 1.0) -> ProbeLoss:
        """Compare with the truth.

        Args:
            beliefs: `[..., belief_size]`; detach them, or the probes train the belief.
            truth: what the world knows, alike.
            picture_weight: weight of a picture's error in the loss; it matters only where the belief is trained.
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
        """Return by target the loss of each of N beliefs `[N, belief_size]`, `[N]`."""
        read = self(beliefs)
        return {each.name: KINDS[each.kind].losses(read[each.name], truth[each.name]) for each in self.targets}
