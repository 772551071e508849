"""The simulation core and its loss: roll-outs from a few random starts, the loss at a few random frames (App. K)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.checks import Capacity, CountOrZero, Positive, require_fields
from simcore.common.distributed import Ranks
from simcore.common.user_code import UserCodeError
from simcore.data.trajectory import Trajectory, one_hot_actions
from simcore.frame_models import FrameModel
from simcore.memory import CoreState, Memory, RecurrentCore, Times, Unrolled


@dataclass(frozen=True)
class SimulationConfig:
    """Overshoot: which frames are predicted, and from which starts."""

    overshoot: Capacity = 12
    """Lo, steps of a roll-out of the simulation core (table 2: 1, 2, 3, 6, 12)."""
    starts: Capacity = 6
    """Nt, roll-outs per trajectory (table 2)."""
    frames: Capacity = 2
    """Ng, modelled frames per roll-out (table 2); all of them if the overshoot is shorter."""
    earliest_start: CountOrZero = 0
    """First step of a trajectory at which a roll-out may start; App. K: 0. Later starts need the memory more: more has
    been seen and left by then. Lowered if fewer than simulation.starts steps remain."""
    mask_episode_ends: bool = True
    """Predict only up to the end of the start's episode; the paper's pseudo-code does not mask."""
    cost: Positive = 1.0
    """Weight of the frame model's loss, in nats per frame, relative to policy and value. The contrastive model's loss
    has another unit, and uses contrastive.cost instead."""

    def __post_init__(self) -> None:
        require_fields("simulation.", self)


def draw_starts(
    unroll_length: int, overshoot: int, points: int, generator: torch.Generator, earliest: int = 0
) -> list[int]:
    """Sample Nt = `points` start times without replacement from `earliest` .. T - Lo - 1, in ascending order.

    T is the trajectory's length, `unroll_length`. App. K begins at 0. Late starts need the memory more: more has been
    seen and left by then. If fewer than Nt times remain, `earliest` is lowered.

    Raises:
        ValueError: there are fewer start times than points.
    """
    available = unroll_length - overshoot
    if points > available:
        raise ValueError(
            f"cannot draw {points} starts: an unroll of {unroll_length} with an overshoot of {overshoot} "
            f"has {max(available, 0)}"
        )
    first = min(earliest, available - points)
    return sorted((first + torch.randperm(available - first, generator=generator)[:points]).tolist())


def draw_offsets(overshoot: int, points: int, generator: torch.Generator) -> list[int]:
    """Sample Ng = `points` offsets without replacement from 0 .. Lo - 1, at most all of them, in ascending order."""
    return sorted(torch.randperm(overshoot, generator=generator)[:points].tolist())


class Overshoot(NamedTuple):
    """What is predicted: the frames at Ng offsets of Nt roll-outs in each of B worlds."""

    targets: Tensor
    """The frames' times in the trajectory, int64 `[Ng, Nt]`."""
    states: Tensor
    """The simulated states at these times, `[Ng, Nt, B, *]`."""
    weights: Tensor
    """1.0 where a frame lies in the same episode as its roll-out's start, else 0.0: `[Ng, Nt, B]`."""


class FrameModelLoss(NamedTuple):
    """The frame model's loss on one batch: scalars, weighted means over the modelled frames."""

    loss: Tensor
    """The loss that is minimised, in the frame model's nats; 0 where no point counts."""
    kl: Tensor
    """KL divergence in nats per image dimension; NaN where no point counts."""
    error: Tensor
    """Squared reconstruction error per image dimension; NaN where no point counts."""
    weight: Tensor
    """The fraction of the sampled points, over all processes, that lie before their episode's end, and so count."""


class SimCoreHead(nn.Module):
    """Roll out the simulation core from belief states and model the frames of its states.

    The simulation core has the belief core's architecture and its own weights, starts from a full belief state, and
    takes only the next actions as input; its roll-out is deterministic (App. J), only the frame model is stochastic.

    Args:
        config: length of the roll-outs, and whether episodes' ends are masked.
        num_actions: the number of discrete actions.
        hidden_size: N_h, the same as the belief core's.
        frame_model: the model of a frame given the simulated state.
        memory: the simulation core's memory, which only reads; made for inputs of `num_actions`; None: a bare LSTM.
        plain: unroll the simulation core step by step; see `RecurrentCore`.
    """

    def __init__(
        self,
        config: SimulationConfig = SimulationConfig(),
        *,
        num_actions: int,
        hidden_size: int,
        frame_model: FrameModel,
        memory: Memory | None = None,
        plain: bool = False,
    ) -> None:
        super().__init__()
        self.num_actions = num_actions
        self.core = RecurrentCore(num_actions, hidden_size, memory, plain)
        self.frame_model = frame_model
        self.config = config

    def simulate(self, states: CoreState, actions: Tensor) -> Tensor:
        """Roll out from belief states `[..., B, *]` along actions `[K, ..., B]`: simulated states `[K, ..., B, *]`."""
        return self.unroll(states, actions).outputs

    def unroll(self, states: CoreState, actions: Tensor) -> Unrolled:
        """Like `simulate`, but also return the state after the last action, to continue from."""
        return self.core(one_hot_actions(actions, self.num_actions), states)

    def sample_frames(self, states: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Sample frames of simulated states `[..., *]`: uint8 `[..., H, W, 3]`.

        Raises:
            UserError: the frame model cannot generate frames.
        """
        frames = self.frame_model.sample(states.flatten(0, -2), generator)
        return frames.view(*states.shape[:-1], *frames.shape[1:])

    def overshoot(
        self,
        snapshots: CoreState,
        trajectory: Trajectory,
        starts: Sequence[int] | Times,
        offsets: Sequence[int] | Times,
    ) -> Overshoot:
        """Roll out from Nt beliefs of a trajectory along its actions, to the Ng frames of each that are modelled.

        Args:
            snapshots: the full belief states at the starts, `[Nt, B, ...]`.
            trajectory: the trajectory of the beliefs.
            starts: the Nt start times, from `draw_starts`.
            offsets: the Ng offsets of the frames from the step after a start, from `draw_offsets`.
        """
        device = trajectory.frames.device
        starts, offsets = Times.of(starts, device), Times.of(offsets, device)
        targets = target_times(starts.rows, offsets.rows)
        # Steps after the last offset are not needed.
        steps = torch.arange(self.config.overshoot if offsets.host is None else max(offsets.host) + 1, device=device)
        actions = trajectory.actions[1 + starts.rows + steps[:, None]]  # [steps, Nt, B]
        states = self.simulate(snapshots, actions).index_select(0, offsets.rows)
        return Overshoot(targets, states, self._weights(trajectory.is_first, starts.rows, targets))

    def loss(
        self,
        overshoot: Overshoot,
        trajectory: Trajectory,
        generator: torch.Generator | None = None,
        ranks: Ranks | None = None,
    ) -> FrameModelLoss:
        """Compute the frame model's loss at the Ng frames of each of the Nt roll-outs.

        Args:
            overshoot: the roll-outs.
            trajectory: the trajectory that they are of.
            generator: samples the latents, on the trajectory's device; None: torch's default generator.
            ranks: the processes that share the batch; None: this process alone.
        """
        targets, weights = overshoot.targets, overshoot.weights.flatten()
        worlds = torch.arange(trajectory.frames.shape[1], device=targets.device)
        identity = torch.cartesian_prod(targets.flatten(), worlds).flip(-1)
        frames, condition = trajectory.frames[targets].flatten(0, 2), overshoot.states.flatten(0, 2)
        terms = self.frame_model.loss(frames, condition, generator, identity)
        if not (isinstance(terms, tuple) and len(terms) == 3 and all(term.shape == weights.shape for term in terms)):
            raise UserCodeError(
                f"{type(self.frame_model).__name__}.loss must return a FrameLoss: three tensors, with a value for each "
                f"of {len(weights)} frames"
            )
        ranks = ranks or Ranks()
        total = ranks.mean(weights.sum())
        loss, kl, error = ((weights * term).sum() for term in terms)
        least = 1 / ranks.size  # where nothing counts the loss is 0
        return FrameModelLoss(loss / total.clamp(min=least), kl / total, error / total, total / len(weights))

    def _weights(self, is_first: Tensor, starts: Tensor, targets: Tensor) -> Tensor:
        if not self.config.mask_episode_ends:
            return is_first.new_ones((*targets.shape, is_first.shape[1]), dtype=torch.float32)
        episode = is_first.cumsum(dim=0)
        return (episode[targets] == episode[starts]).to(torch.float32)


def target_times(starts: Tensor, offsets: Tensor) -> Tensor:
    """Return the times t + 1 + d of the modelled frames, for t `[Nt]` and d `[Ng]`: `[Ng, Nt]` (App. K)."""
    return 1 + offsets[:, None] + starts[None]
