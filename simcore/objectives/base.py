"""What an objective is: a loss of the beliefs along a trajectory, by which nets are trained."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.distributed import Ranks
from simcore.common.registry import Registry
from simcore.common.seeding import Generators
from simcore.data.state import CoreState
from simcore.data.times import Times
from simcore.data.trajectory import Trajectory


class Beliefs(NamedTuple):
    """What an agent believes along a trajectory, as an objective is shown it."""

    outputs: Tensor
    """b_t, `[T, B, belief_size]`."""
    snapshots: CoreState | None
    """The full states after the steps that the objective asked for, `[S, B, ...]`; None if it asked for none."""
    times: Any
    """What its `sample_times` returned."""


class ObjectiveLoss(NamedTuple):
    """An objective's loss of one batch."""

    loss: Tensor
    """What is minimised, a scalar."""
    metrics: dict[str, Tensor]
    """Scalars by name, the same names at every update; NaN where one has no value."""


class Objective(nn.Module, ABC):
    """A loss of the beliefs along a trajectory.

    The learner sums the losses of a list of objectives and knows none of them by name. An objective with weights of its
    own has them as submodules, as any module.

    One of a user's own is made with the keywords `belief_size`, `num_actions` and `frame_size`, as far as it names
    them, and with an instance of its dataclass `Config` before them if it has one. `check_objective` of
    `simcore.testing` tells whether one keeps the contract.

    A run of several processes averages gradients over them. Where the number of terms in a loss differs between
    processes, divide by `ranks.mean(number)`; a plain mean over the batch needs no care.
    """

    name: str
    """Begins the names of its metrics, `<name>/<metric>`, and of its random streams."""
    trains_belief: bool = True
    """Whether gradients of its loss reach encoder and belief core."""
    is_clipped: bool = True
    """Whether the gradient of its own weights counts in the norm that is clipped, with the belief's."""
    learning_rate: float | None = None
    """Of its own weights; None: the belief's, without its warm-up."""
    reads_outputs_alone: bool = False
    """Whether the belief reaches its loss by `beliefs.outputs` alone; then its gradient can be measured apart."""
    ranks: Ranks = Ranks()
    """The processes that share the batch; the learner says which."""

    def sample_times(self, length: int, generators: Generators, device: torch.device) -> Any:
        """Sample the times of a trajectory that the loss is to look at.

        This is called on the host, before the trajectory is on the device, so that neither waits for the other.

        Args:
            length: T, of the trajectory.
            generators: the objective's own; `generators.host` is alike in all processes.
            device: of the learner, where the times are sent.

        Returns:
            A (named) tuple of `Times`, which the loss finds as `beliefs.times`; an empty one where it looks at all.
        """
        return ()

    def snapshots_at(self, times: Any) -> Times | None:
        """Return those of its times after which the core's full state is to be kept; None: no state is."""
        return None

    @abstractmethod
    def loss(self, beliefs: Beliefs, trajectory: Trajectory, generators: Generators) -> ObjectiveLoss:
        """Compute the loss of one batch.

        Nothing may ask the device for a value, which would make the host wait: use `torch.where`, and NaN in metrics
        that have no value.

        Args:
            beliefs: along the trajectory; detach them, or the loss trains them.
            trajectory: `[T, B, ...]`.
            generators: the objective's own; sample what is random by `generators.device`.
        """

    def after_step(self, beliefs: Beliefs, metrics: dict[str, Tensor], failed: Tensor) -> None:
        """Take note that the optimiser has made its step.

        Args:
            beliefs: as they were given to `loss`.
            metrics: what `loss` returned.
            failed: a bool on the device; where true nothing may change.
        """
        return

    def belief_parameters(self) -> Iterable[nn.Parameter]:
        """Return those of its weights that learn as encoder and belief core do: at their rate, with their warm-up."""
        return ()

    def own_parameters(self) -> list[nn.Parameter]:
        """Return its other weights."""
        of_belief = {id(parameter) for parameter in self.belief_parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in of_belief]


objectives: Registry[type[Objective]] = Registry("objective", Objective)
"""Objectives of a user's own, which are added to those that a configuration asks for otherwise."""
