"""Probes of the belief: a net for each target, such as the map (App. I), the agent's cell and its heading."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from simcore.common.checks import require
from simcore.data.targets import TargetValues
from simcore.networks import Standardise
from simcore.probes.config import ProbesConfig
from simcore.probes.heads import Average, ProbeHead, find_heads, make_head, upgrade_probes
from simcore.probes.kinds import KINDS, part_told
from simcore.probes.memory_reader import READ_SIZE, MemoryHead, MemoryInputs, MemoryShape
from simcore.worlds.api import ProbeTarget

Readout = dict[str, Tensor]
"""The probes' answers for beliefs `[...]`, by target name: the logits of a class `[..., C]`, a vector `[..., D]`, or a
picture, float `[..., H, W, 3]`, not bounded to [0, 1]."""

LEAST_PART = 1e-9
"""The divisor if no class is given, when the loss is 0."""


class ProbeLoss(NamedTuple):
    """The probes' loss and scores of one batch; each a scalar."""

    loss: Tensor
    """The sum of the probes' losses; their parameters are disjoint, so the sum trains each independently."""
    metrics: dict[str, Tensor]
    """Scores by name, without gradient: `<name>_accuracy` of a class, how often the most likely is the true one;
    `<name>_mse` of a vector or picture, the mean squared error, with a picture's values in [0, 1]."""
    weights: dict[str, Tensor]
    """Of a class's score: the fraction of the cases with a class, and so a score."""


class Probes(nn.Module):
    """The probes: a net from the standardised belief to each target.

    Args:
        config: the nets' sizes, and the heads of a user.
        belief_size: the size of b_t.
        targets: the world's targets.
        memory: of K vectors of D numbers that follow each belief, read by attention; None: there is none.

    Raises:
        UserError: a head is unknown, or named for an unknown target, or a target has the name of a module's attribute.
    """

    def __init__(
        self,
        config: ProbesConfig,
        *,
        belief_size: int,
        targets: Sequence[ProbeTarget],
        memory: MemoryShape | None = None,
    ) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.standardise = Standardise(belief_size)
        self.standardise_memory = None if memory is None else MemoryInputs(memory)
        heads = find_heads(config, targets)
        for target in targets:
            taken = hasattr(self, target.name)
            require(not taken, f"no target can be named {target.name}: a net has something of that name; take another")
            kind = heads[target.name]
            if memory is None:
                head = make_head(kind, config, belief_size, target)
            else:
                head = MemoryHead(make_head(kind, config, belief_size + READ_SIZE, target), belief_size, memory)
            self.add_module(target.name, head)
        self.register_load_state_dict_pre_hook(upgrade_probes)  # type: ignore[no-untyped-call]

    def forward(self, beliefs: Tensor) -> Readout:
        """Read all targets from beliefs `[..., belief_size]`, or `[..., belief_size + K D]` with a memory."""
        inputs = self._standardised(beliefs)
        return {target.name: self.get_submodule(target.name)(inputs) for target in self.targets}

    @property
    def belief_size(self) -> int:
        """The size of b_t."""
        return len(self.standardise.mean)

    def fit_inputs(self, beliefs: Tensor) -> None:
        """Standardise by the mean and variance of beliefs `[N, belief_size]`, or `[N, belief_size + K D]`."""
        self.standardise.fit(beliefs[:, : self.belief_size])
        if self.standardise_memory is not None:
            self.standardise_memory.fit(beliefs[:, self.belief_size :])

    def _standardised(self, beliefs: Tensor) -> Tensor:
        if self.standardise_memory is None:
            standardised: Tensor = self.standardise(beliefs)
            return standardised
        belief, memory = beliefs[..., : self.belief_size], beliefs[..., self.belief_size :]
        return torch.cat([self.standardise(belief), self.standardise_memory(memory)], -1)

    def begin_at(self, truth: TargetValues) -> None:
        """Initialise the nets from targets `[N, ...]`, for instance a picture at its mean."""
        for target in self.targets:
            self._head(target.name).begin_at(truth[target.name])

    def follow(self, beliefs: Tensor, truth: TargetValues, average: Average, failed: Tensor) -> None:
        """Let the standardisation of inputs and vectors follow a changing belief, after an update.

        Args:
            beliefs: `[N, belief_size]`.
            truth: targets `[M, ...]`, which need not be of these beliefs.
            average: takes the mean over the processes that share the batch.
            failed: a bool scalar on the device; if true nothing changes.
        """
        self.standardise.track(beliefs, average, failed)
        for target in self.targets:
            self._head(target.name).follow(truth[target.name], average, failed)

    def _head(self, name: str) -> ProbeHead:
        return cast(ProbeHead, self.get_submodule(name))

    def loss(
        self,
        beliefs: Tensor,
        truth: TargetValues,
        picture_weight: float = 1.0,
        average: Average = lambda mean: mean,
    ) -> ProbeLoss:
        """Compute the loss and the scores of beliefs.

        Args:
            beliefs: `[..., belief_size]`; detach them, unless the loss is to train them.
            truth: the true targets, `[..., *]`.
            picture_weight: weight of a picture's error in the loss; it matters only if the belief is trained by it.
            average: takes the mean over the processes that share the batch, for what differs in number between them.
        """
        read = self(beliefs)
        losses: list[Tensor] = []
        metrics: dict[str, Tensor] = {}
        weights: dict[str, Tensor] = {}
        for target in self.targets:
            kind, answer, true = KINDS[target.kind], read[target.name], truth[target.name]
            loss = kind.loss(answer, true)
            score = loss if kind.score is None else kind.score(answer, true)
            unit = self._head(target.name).unit_for(true, average)
            if unit is not None:  # otherwise numbers in smaller units would be learned more slowly
                loss = kind.loss(answer / unit, true / unit)
            name = f"{target.name}_{kind.metric}"
            if target.kind == "class":
                told = weights[name] = average(part_told(true))
                loss, score = loss / told.clamp(min=LEAST_PART), score / told
            losses.append(picture_weight * loss if target.kind == "picture" else loss)
            metrics[name] = score.detach()
        return ProbeLoss(reduce(add, losses), metrics, weights)

    def losses(self, beliefs: Tensor, truth: TargetValues) -> dict[str, Tensor]:
        """Compute the losses `[N]` of beliefs `[N, belief_size]`, by target name."""
        read = self(beliefs)
        return {each.name: KINDS[each.kind].losses(read[each.name], truth[each.name]) for each in self.targets}
