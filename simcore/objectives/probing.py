"""The probes' objective: nets that read map (App. I) and pose from the belief, with or without gradient to it."""

from typing import NamedTuple

import torch
from torch import Tensor

from simcore.common.seeding import Generators
from simcore.common.tree import tree_map
from simcore.data.targets import TargetValues
from simcore.data.times import Times
from simcore.data.trajectory import Trajectory
from simcore.objectives.base import Beliefs, Objective, ObjectiveLoss, Weighted
from simcore.probes import Probes


class ProbedTimes(NamedTuple):
    """The times at which the probes read the belief."""

    probed: Times | None
    """None: all times."""


class Probing(Objective):
    """Train probes on beliefs, without gradient to the belief unless it is supervised.

    Args:
        probes: the probes.
        times: the number of times per trajectory at which they are trained and scored; None: all.
        learning_rate: of the probes.
        supervises: whether the probes' loss trains the belief.
        map_weight: weight of pictures' squared errors, if it does.
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
        self._truth: TargetValues = {}
        """The targets of the last loss."""

    def sample_times(self, length: int, generators: Generators, device: torch.device) -> ProbedTimes:
        """Sample the times at which the probes read, without replacement."""
        if self.times is None or self.times >= length:
            return ProbedTimes(None)
        return ProbedTimes(sample_some(length, self.times, generators.host, device))

    def loss(self, beliefs: Beliefs, trajectory: Trajectory, generators: Generators) -> ObjectiveLoss:
        """Compare what the probes read with the true targets."""
        outputs = beliefs.outputs if self.trains_belief else beliefs.outputs.detach()
        targets, probed = trajectory.targets, beliefs.times.probed
        if probed is not None:
            outputs, targets = tree_map(lambda part: part.index_select(0, probed.rows), (outputs, targets))
        terms = self.probes.loss(outputs, targets, self.map_weight, self.ranks.mean)
        self._truth = {target.name: targets[target.name].flatten(0, 1) for target in self.probes.targets}
        scores = {
            name: Weighted(score, terms.weights[name]) if name in terms.weights else score
            for name, score in terms.metrics.items()
        }
        return ObjectiveLoss(terms.loss, {"loss": terms.loss, **scores})

    def after_step(self, beliefs: Beliefs, metrics: dict[str, Tensor], failed: Tensor) -> None:
        """Update the standardisation of the probes' inputs, since the belief changes, and of vectors."""
        read = beliefs.outputs.detach().flatten(0, 1)
        self.probes.follow(read, self._truth, self.ranks.mean, failed)


def sample_some(length: int, count: int, generator: torch.Generator, device: torch.device) -> Times:
    """Sample `count` of `length` times without replacement, in ascending order."""
    return Times.of(torch.randperm(length, generator=generator)[:count].sort().values.tolist(), device)
