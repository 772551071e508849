"""The interface of objectives, losses of the beliefs along a trajectory, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.distributed import Ranks
from simcore.common.registry import Registry
from simcore.common.seeding import Generators
from simcore.common.user_code import UserCodeError
from simcore.data.state import CoreState
from simcore.data.times import Times
from simcore.data.trajectory import Trajectory


class Beliefs(NamedTuple):
    """The beliefs along a trajectory, as an objective gets them."""

    outputs: Tensor
    """b_t, `[T, B, belief_size]`."""
    snapshots: CoreState | None
    """The full states after the steps of `snapshots_at`, `[S, B, ...]`; None if there are none."""
    times: Any
    """What the objective's `sample_times` returned."""


class Weighted(NamedTuple):
    """A metric that is a mean over terms whose number differs between updates."""

    value: Tensor
    """The mean, a scalar; with several processes the sum of this one's terms, divided by `ranks.mean` of the number."""
    weight: Tensor
    """The fraction of the possible terms that count, a scalar in [0, 1], the same in all processes. At 0 there is no
    value, whatever the mean."""


class ObjectiveLoss(NamedTuple):
    """An objective's loss of one batch."""

    loss: Tensor
    """The loss that is minimised, a scalar."""
    metrics: Mapping[str, Tensor | Weighted]
    """Scalars by name, the same names at every update; NaN where one has no value. A plain one has the weight 1."""

    @classmethod
    def of(cls, objective: "Objective", returned: Any) -> "ObjectiveLoss":
        """Return what an objective's `loss` has returned, which may be a plain pair.

        Raises:
            UserCodeError: it is something else.
        """
        match returned:
            case (Tensor() as loss, Mapping() as metrics) if loss.dim() == 0:
                return cls(loss, metrics)
            case (Tensor() as loss, Mapping()):
                told = f"a loss of shape {list(loss.shape)}"
            case _:
                told = type(returned).__name__
        raise UserCodeError(
            f"{type(objective).__name__}.loss returned {told}; it must return an ObjectiveLoss: a scalar, and metrics"
        )

    def values(self) -> dict[str, Tensor]:
        """Return the metrics without their weights; NaN where the weight is 0."""
        return {
            name: torch.where(metric.weight > 0, metric.value, torch.nan) if isinstance(metric, Weighted) else metric
            for name, metric in self.metrics.items()
        }

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of the metrics that have one."""
        return {name: metric.weight for name, metric in self.metrics.items() if isinstance(metric, Weighted)}


class Objective(nn.Module, ABC):
    """A loss of the beliefs along a trajectory.

    The learner sums the losses of a list of objectives and knows none of them by name. An objective's own weights are
    in its submodules, as in any module.

    A user's objective receives an instance of its dataclass `Config`, if it has one, and those of the keywords
    `belief_size`, `num_actions` and `frame_size` that it names. `simcore.testing.check_objective` checks that an
    objective keeps the contract.

    A run of several processes averages gradients over them. If the number of terms in a loss differs between
    processes, divide by `ranks.mean(number)`; a plain mean over the batch is correct as it is.
    """

    name: str
    """The prefix of its metrics, `<name>/<metric>`, and the name of its random stream."""
    trains_belief: bool = True
    """Whether gradients of its loss reach encoder and belief core."""
    is_clipped: bool = True
    """Whether the gradient of its own weights counts in the norm that is clipped, with the belief's."""
    learning_rate: float | None = None
    """The learning rate of its own weights; None: the belief's, without the warm-up."""
    reads_outputs_alone: bool = False
    """Whether its loss depends on the belief only by `beliefs.outputs`, so that its gradient can be measured apart."""
    ranks: Ranks = Ranks()
    """The processes that share the batch; set by the learner."""

    def sample_times(self, length: int, generators: Generators, device: torch.device) -> Any:
        """Sample the times of a trajectory that the loss uses.

        This is called on the host, before the trajectory is on the device, so that neither waits for the other.

        Args:
            length: T, of the trajectory.
            generators: the objective's own; `generators.host` is the same in all processes.
            device: the learner's, to which the times are sent.

        Returns:
            A (named) tuple of `Times`, which the loss gets as `beliefs.times`; empty if it uses all times.
        """
        return ()

    def snapshots_at(self, times: Any) -> Times | None:
        """Return the times after which the core's full state is to be kept, among `times`; None: none."""
        return None

    @abstractmethod
    def loss(self, beliefs: Beliefs, trajectory: Trajectory, generators: Generators) -> ObjectiveLoss:
        """Compute the loss of one batch.

        It must not read a value from the device, since the host would wait for it: use `torch.where`, and NaN for
        metrics without a value.

        Args:
            beliefs: along the trajectory; unless detached, they are trained by the loss.
            trajectory: `[T, B, ...]`.
            generators: the objective's own; use `generators.device` for sampling.
        """

    def after_step(self, beliefs: Beliefs, metrics: dict[str, Tensor], failed: Tensor) -> None:
        """Update state other than weights after an optimiser step; by default nothing.

        Args:
            beliefs: as given to `loss`.
            metrics: the values of those that `loss` returned; NaN where the weight is 0.
            failed: a bool scalar on the device; if true nothing may change.
        """
        return

    def belief_parameters(self) -> Iterable[nn.Parameter]:
        """Return its weights that have the learning rate of encoder and belief core, with its warm-up."""
        return ()

    def own_parameters(self) -> list[nn.Parameter]:
        """Return its other weights."""
        of_belief = {id(parameter) for parameter in self.belief_parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in of_belief]


objectives: Registry[type[Objective]] = Registry("objective", Objective)
"""A user's objectives by name, which a run has in addition to the built-in ones."""
