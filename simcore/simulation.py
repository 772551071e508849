"""The simulation core and its loss: roll-outs from a few random starts, the loss at a few random frames (App. K)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.checks import Held, Positive, Some, require_fields
from simcore.common.distributed import Ranks
from simcore.data.targets import ProbeTargets
from simcore.data.trajectory import Trajectory, one_hot_actions
from simcore.frame_models import FrameModel
from simcore.memory import CoreState, Memory, RecurrentCore, Times, Unrolled
from simcore.worlds.api import MAP, OLD, SINCE_SEEN


@dataclass(frozen=True)
class SimulationConfig:
    """Overshoot: which frames are predicted, and from which starts."""

    overshoot: Held = 12
    """Lo, steps of a roll-out of the simulation core (table 2: 1, 2, 3, 6, 12)."""
    starts: Held = 6
    """Nt, roll-outs per trajectory (table 2)."""
    frames: Held = 2
    """Ng, modelled frames per roll-out (table 2); all of them if the overshoot is shorter."""
    earliest_start: Some = 0
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
    memory_share: Tensor | None
    """The fraction of the counted points that show something out of sight at their start, and so need a memory; see
    `asks_memory`. NaN where no point counts; None if it is not known when cells were seen."""


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
        self.overshoot = config.overshoot
        self.mask_episode_ends = config.mask_episode_ends

    def imagine(self, states: CoreState, actions: Tensor) -> Tensor:
        """Roll out from belief states `[..., B, *]` along actions `[K, ..., B]`: simulated states `[K, ..., B, *]`."""
        return self.unroll(states, actions).outputs

    def unroll(self, states: CoreState, actions: Tensor) -> Unrolled:
        """Like `imagine`, but also return the state after the last action, to continue from."""
        return self.core(one_hot_actions(actions, self.num_actions), states)

    def sample_frames(self, states: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Sample frames of simulated states `[..., *]`: uint8 `[..., H, W, 3]`.

        Raises:
            UserError: the frame model cannot generate frames.
        """
        frames = self.frame_model.sample(states.flatten(0, -2), generator)
        return frames.view(*states.shape[:-1], *frames.shape[1:])

    def loss(
        self,
        snapshots: CoreState,
        trajectory: Trajectory,
        starts: Sequence[int] | Times,
        offsets: Sequence[int] | Times,
        generator: torch.Generator | None = None,
        ranks: Ranks | None = None,
    ) -> FrameModelLoss:
        """Compute the frame model's loss at Ng frames of each of the Nt roll-outs.

        Args:
            snapshots: the full belief states at the starts, `[Nt, B, ...]`.
            trajectory: the trajectory of the beliefs.
            starts: the Nt start times, from `draw_starts`.
            offsets: the Ng offsets of the frames from the step after a start, from `draw_offsets`.
            generator: samples the latents, on the trajectory's device; None: torch's default generator.
            ranks: the processes that share the batch; None: this process alone.
        """
        device = trajectory.frames.device
        starts, offsets = Times.of(starts, device), Times.of(offsets, device)
        targets = target_times(starts.rows, offsets.rows)
        # Steps after the last offset are not needed.
        steps = torch.arange(self.overshoot if offsets.host is None else max(offsets.host) + 1, device=device)
        actions = trajectory.actions[1 + starts.rows + steps[:, None]]  # [steps, Nt, B]
        states = self.imagine(snapshots, actions)
        condition = states.index_select(0, offsets.rows).flatten(0, 2)  # [Ng * Nt * B, the core's output]
        frames = trajectory.frames[targets].flatten(0, 2)
        weights = self._weights(trajectory.is_first, starts.rows, targets).flatten()

        worlds = torch.arange(trajectory.frames.shape[1], device=device)
        identity = torch.cartesian_prod(targets.flatten(), worlds).flip(-1)
        terms = self.frame_model.loss(frames, condition, generator, identity)
        ranks = ranks or Ranks()
        total = ranks.mean(weights.sum())
        loss, kl, error = ((weights * term).sum() for term in terms)
        share = None
        if SINCE_SEEN in trajectory.targets:
            share = (weights * asks_memory(trajectory.targets, starts.rows, targets).flatten()).sum() / total
        least = 1 / ranks.size  # where nothing counts the loss is 0
        counted = total / len(weights)
        return FrameModelLoss(loss / total.clamp(min=least), kl / total, error / total, counted, share)

    def _weights(self, is_first: Tensor, starts: Tensor, targets: Tensor) -> Tensor:
        """Float `[Ng, Nt, B]`: 1 where a target lies in the same episode as its start, else 0."""
        if not self.mask_episode_ends:
            return is_first.new_ones((*targets.shape, is_first.shape[1]), dtype=torch.float32)
        episode = is_first.cumsum(dim=0)
        return (episode[targets] == episode[starts]).to(torch.float32)


def asks_memory(truth: ProbeTargets, starts: Tensor, targets: Tensor) -> Tensor:
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
    remembered = since_seen[starts] >= OLD
    return ((since_seen[targets] == 0) & unusual & remembered).flatten(-2).any(dim=-1)


def target_times(starts: Tensor, offsets: Tensor) -> Tensor:
    """Return the times t + 1 + d of the modelled frames, for t `[Nt]` and d `[Ng]`: `[Ng, Nt]` (App. K)."""
    return 1 + offsets[:, None] + starts[None]
