"""The map model's objective: a ConvDRAW of the map given the belief, without gradient to it (App. I)."""

from typing import NamedTuple

import torch
from torch import Tensor

from simcore.common.seeding import Generators
from simcore.data.times import Times
from simcore.data.trajectory import Trajectory
from simcore.objectives.base import Beliefs, Objective, ObjectiveLoss
from simcore.objectives.probing import sample_some
from simcore.probes import MapModel
from simcore.worlds.api import MAP


class MappedTimes(NamedTuple):
    """The times at which the map is modelled."""

    mapped: Times


class MapModelling(Objective):
    """Train a model of the map given the belief at a few times of each trajectory, without gradient to the belief.

    Args:
        map_model: the model.
        times: the number of times per trajectory.
        learning_rate: of the model.
    """

    name = "map_model"
    trains_belief = False
    is_clipped = False

    def __init__(self, map_model: MapModel, times: int, learning_rate: float) -> None:
        super().__init__()
        self.map_model = map_model
        self.times = times
        self.learning_rate = learning_rate

    def sample_times(self, length: int, generators: Generators, device: torch.device) -> MappedTimes:
        """Sample the times at which the map is modelled, without replacement."""
        return MappedTimes(sample_some(length, self.times, generators.host, device))

    def loss(self, beliefs: Beliefs, trajectory: Trajectory, generators: Generators) -> ObjectiveLoss:
        """Compute the model's loss of the true maps; its metrics are those of `MapModelLoss`, and GECO's λ."""
        rows = beliefs.times.mapped.rows
        maps, outputs = (part.index_select(0, rows) for part in (trajectory.targets[MAP], beliefs.outputs.detach()))
        terms = self.map_model.loss(maps, outputs, generators.device)
        return ObjectiveLoss(terms.loss, terms._asdict() | {"lambda": self.map_model.multiplier.clone()})

    def after_step(self, beliefs: Beliefs, metrics: dict[str, Tensor], failed: Tensor) -> None:
        """Update GECO's λ by the batch's error."""
        error = self.ranks.mean(metrics["error"].detach())
        self.map_model.update(torch.where(failed, torch.nan, error))
