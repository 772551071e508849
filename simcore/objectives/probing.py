"""The probes' objective: what the belief knows is read beside the training, or is what it is trained by."""

from typing import NamedTuple

import torch
from torch import Tensor

from simcore.common.seeding import Generators
from simcore.common.tree import tree_map
from simcore.data.times import Times
from simcore.data.trajectory import Trajectory
from simcore.objectives.base import Beliefs, Objective, ObjectiveLoss
from simcore.probes import Probes


class ProbedTimes(NamedTuple):
    """When the probes look into the belief."""

    probed: Times | None
    """None: at all times."""


class Probing(Objective):
    """Trains probes on beliefs; these know nothing of it, unless the belief is supervised.

    Args:
        probes: the probes.
        times: how many times of each trajectory they are trained and scored at; None: all.
        learning_rate: of the probes.
        supervises: the probes' loss trains the belief.
        map_weight: weight of pictures' squared errors, where it does.
    """

    name = "probes"
    is_clipped = False

    def __init__(
        self,
        probes: Probes,
        times: int | None,
        learning_rate: float,
        supervises: bool = False,
        map_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.probes = probes
        self.times = times
        self.learning_rate = learning_rate
        self.trains_belief = supervises
        self.map_weight = map_weight if supervises else 1.0

    def sample_times(self, length: int, generators: Generators, device: torch.device) -> ProbedTimes:
        """Sample the times at which the probes look, without replacement."""
        if self.times is None or self.times >= length:
            return ProbedTimes(None)
        return ProbedTimes(sample_some(length, self.times, generators.host, device))

    def loss(self, beliefs: Beliefs, trajectory: Trajectory, generators: Generators) -> ObjectiveLoss:
        """Compare what the probes read with what the world knows."""
        outputs = beliefs.outputs if self.trains_belief else beliefs.outputs.detach()
        targets, probed = trajectory.targets, beliefs.times.probed
        if probed is not None:
            outputs, targets = tree_map(lambda part: part.index_select(0, probed.rows), (outputs, targets))
        terms = self.probes.loss(outputs, targets, self.map_weight)
        return ObjectiveLoss(terms.loss, {"loss": terms.loss, **terms.metrics})

    def after_step(self, beliefs: Beliefs, metrics: dict[str, Tensor], failed: Tensor) -> None:
        """Let the probes' inputs stay standardised as the belief moves."""
        read = beliefs.outputs.detach().flatten(0, 1)
        self.probes.standardise.track(read, self.ranks.mean, unless=failed)


def sample_some(length: int, count: int, generator: torch.Generator, device: torch.device) -> Times:
    """Sample `count` of `length` times without replacement, in ascending order."""
    return Times.of(torch.randperm(length, generator=generator)[:count].sort().values.tolist(), device)
