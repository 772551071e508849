"""The frame prediction objective: the frame model's loss several steps ahead of a few beliefs (App. J, App. K)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.precision import lowered
from simcore.common.seeding import Generators
from simcore.data.targets import TargetValues
from simcore.data.times import Times
from simcore.data.trajectory import Trajectory
from simcore.objectives.base import Beliefs, Objective, ObjectiveLoss, Weighted
from simcore.simulation import SimCoreHead, SimulationConfig, draw_offsets, draw_starts
from simcore.worlds.api import MAP, OUT_OF_SIGHT_STEPS, SINCE_SEEN


class FrameTimes(NamedTuple):
    """The times of a trajectory that are modelled."""

    starts: Times
    """The Nt starts of the simulation's roll-outs."""
    offsets: Times
    """The Ng offsets of the modelled frames of each roll-out."""


class FramePrediction(Objective):
    """Train encoder, belief core, simulation core and frame model by predicting frames.

    Args:
        simulation: the simulation core with its frame model.
        config: which frames are predicted, and from which starts.
        cost: weight of the loss relative to the other objectives.
        precision: of the nets' products; see `Config.precision`.
    """

    name = "frame_model"

    def __init__(self, simulation: SimCoreHead, config: SimulationConfig, cost: float, precision: str) -> None:
        super().__init__()
        self.simulation = simulation
        self.config = config
        self.cost = cost
        self.precision = precision

    def belief_parameters(self) -> list[nn.Parameter]:
        """Return the simulation core's weights."""
        return list(self.simulation.core.parameters())

    def sample_times(self, length: int, generators: Generators, device: torch.device) -> FrameTimes:
        """Sample starts and offsets."""
        config, generator = self.config, generators.host
        starts = draw_starts(length, config.overshoot, config.starts, generator, config.earliest_start)
        offsets = draw_offsets(config.overshoot, config.frames, generator)
        return FrameTimes(Times.of(starts, device), Times.of(offsets, device))

    def snapshots_at(self, times: FrameTimes) -> Times:
        """Return the starts of the roll-outs."""
        return times.starts

    def loss(self, beliefs: Beliefs, trajectory: Trajectory, generators: Generators) -> ObjectiveLoss:
        """Compute the model's loss at the sampled frames.

        Metrics: those of `FrameModelLoss`, GECO's λ, and if it is recorded when cells were seen, `memory_share`: the
        fraction of the counted frames that `asks_memory` marks.
        """
        times: FrameTimes = beliefs.times
        assert beliefs.snapshots is not None, "the core keeps them at the starts"
        with lowered(self.precision, trajectory.frames.device):
            overshoot = self.simulation.overshoot(beliefs.snapshots, trajectory, *times)
            terms = self.simulation.loss(overshoot, trajectory, generators.device, self.ranks)
        means = {"loss": terms.loss, "kl": terms.kl, "error": terms.error}
        if SINCE_SEEN in trajectory.targets:
            weights, asks = overshoot.weights, asks_memory(trajectory.targets, times.starts.rows, overshoot.targets)
            means["memory_share"] = (weights * asks).sum() / (terms.weight * weights.numel())
        metrics: dict[str, Tensor | Weighted] = {
            **{name: Weighted(mean, terms.weight) for name, mean in means.items()},
            "weight": terms.weight,
            "lambda": self.simulation.frame_model.multiplier.clone(),
        }
        return ObjectiveLoss(self.cost * terms.loss, metrics)

    def after_step(self, beliefs: Beliefs, metrics: dict[str, Tensor], failed: Tensor) -> None:
        """Update GECO's λ by the batch's error; NaN, where no point counted, changes nothing."""
        error = self.ranks.mean(metrics["error"].detach())
        self.simulation.frame_model.update(torch.where(failed, torch.nan, error))


def asks_memory(truth: TargetValues, starts: Tensor, targets: Tensor) -> Tensor:
    """Return which targets show something seen earlier that had been out of sight for long at their start.

    Only cells of the map that differ from those of most worlds count: a building, not the ground or a wall that all
    worlds have. The map's frame must be the same at all times ("start" or "world").

    Args:
        truth: `[T, B, ...]`, with a map, and the steps since each of its cells was seen.
        starts: int64 `[Nt]`.
        targets: int64 `[Ng, Nt]`.

    Returns:
        Bool `[Ng, Nt, B]`.
    """
    since_seen, maps = truth[SINCE_SEEN], truth[MAP][targets]  # [Ng, Nt, B, N, N, 3]
    unusual = (maps != maps.median(dim=2, keepdim=True).values).any(dim=-1)
    remembered = since_seen[starts] >= OUT_OF_SIGHT_STEPS
    return ((since_seen[targets] == 0) & unusual & remembered).flatten(-2).any(dim=-1)
