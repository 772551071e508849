"""Long roll-outs: the belief observes the first frames of an episode, then the simulation continues (App. J)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from simcore.analysis.collecting import episode_frames
from simcore.analysis.first_episode import episode_lengths
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.map_view import MapView, believed_view, true_view
from simcore.analysis.maps import has_maps
from simcore.analysis.worlds import map_frame
from simcore.common.errors import UserError
from simcore.common.progress import Advance, silent
from simcore.common.seeding import derive_seed
from simcore.common.tree import tree_map
from simcore.data.targets import TargetValues
from simcore.data.trajectory import Trajectory
from simcore.worlds.api import SINCE_SEEN

LONGEST_CONTEXT = 50
"""The most frames of context by default."""
STEPS = 16
"""The simulated steps by default."""
BATCHES = 8
"""The most batches of worlds in which episodes that are long enough are looked for."""


@dataclass(frozen=True)
class LongRollout:
    """A long roll-out from beliefs of held-out episodes, with the true frames (App. J); all on the CPU, time first.

    Of T frames the belief observes the first `context`; from there on, the simulation gets only the actions.
    Beyond the end of a world's episode everything is zero.
    """

    context: int
    """Frames that the belief observed before the simulation began."""
    lengths: list[int]
    """Frames of each world's episode, more than `context` and at most T; W of them."""
    frames: Tensor
    """True frames, uint8 `[T, W, H, W, 3]`."""
    samples: Tensor
    """Frames sampled along the simulation, uint8 `[T - context, W, H, W, 3]`; the first is of step `context`."""
    expected: Tensor
    """Frames sampled one step ahead, each from the belief before it, uint8 `[context, W, H, W, 3]`; step 0 is empty."""
    true: MapView | None
    """True maps and places `[T, W]`; `since_seen` counts the frames that the belief observed. None if the world has no
    maps, or none were to be decoded."""
    believed: MapView | None
    """Decoded maps and the most likely places, `[context, W]`: probes read beliefs only, not simulated states."""


def rollout_span(length: int, context: int | None, steps: int | None) -> tuple[int, int]:
    """Return frames of context and steps of simulation in episodes of `length` frames; None is replaced by a default.

    Raises:
        UserError: there are fewer than 2 frames of context or 1 step, or they do not fit into one episode.
    """
    if context is None:
        context = max(2, min(length // 2, LONGEST_CONTEXT, length - (steps or 1)))
    if steps is None:
        steps = max(1, min(STEPS, length - context))
    if context < 2 or steps < 1 or context + steps > length:
        raise UserError(
            f"{context} frames of context and {steps} of simulation: there must be 2 and 1 at least, "
            f"and together at most an episode's {length} frames"
        )
    return context, steps


@torch.no_grad()
def roll_out(
    run: LoadedRun,
    worlds: int = 4,
    context: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    advance: Advance = silent,
    decode: bool = True,
) -> LongRollout:
    """Compute beliefs of the first frames of held-out episodes, then simulate along the actions that were taken.

    Args:
        run: the run.
        worlds: W, the number of episodes; fewer are returned if too few long ones are found.
        context: frames that the belief observes; None: half an episode, at most 50, fewer where an episode ends early.
        steps: frames that are then simulated; None: 16, or as many as the episode has.
        seed: seeds the worlds and the sampled frames.
        advance: the progress callback, for the training of fresh probes where there are none yet.
        decode: decode maps from the beliefs, too.

    Raises:
        UserError: the run has no frame model; the numbers are not positive, or do not fit into one episode, or all
            episodes end within the context.
    """
    _ = run.simulation  # raises if there is none, before anything is collected
    if worlds < 1:
        raise UserError(f"{worlds} worlds: there must be 1 at least")
    planned, steps = rollout_span(episode_frames(run.config), context, steps)
    trajectory, lengths = collect_longer(run, worlds, planned + steps, context or 2, seed)
    # Where an episode ends early, a shorter context leaves steps to simulate.
    context = max(2, min(planned, min(lengths) - steps)) if context is None else context
    lengths = [min(length, context + steps) for length in lengths]
    if decode:
        run.train_probes(advance)
    return imagine_rollout(run, trajectory, context, lengths, seed, decode)


def collect_longer(run: LoadedRun, worlds: int, rows: int, context: int, seed: int) -> tuple[Trajectory, list[int]]:
    """Collect first episodes of more than `context` frames, from more worlds where those of some are shorter.

    Returns:
        The trajectory, `[rows, W, ...]`, where W is `worlds` or fewer, and the frames of each world's first episode.

    Raises:
        UserError: there is none.
    """
    found: list[Trajectory] = []
    longest = count = 0
    for batch in range(BATCHES):
        trajectory = run.collect(f"rollout/{seed}" + (f"/{batch}" if batch else ""), worlds, rows)
        lengths = episode_lengths(trajectory.is_first)
        chosen = [world for world, length in enumerate(lengths) if length > context][: worlds - count]
        if len(chosen) == worlds:
            return trajectory, lengths
        found.append(tree_map(lambda part: part[:, chosen], trajectory._replace(initial_state=None)))  # noqa: B023
        longest, count = max(longest, *lengths), count + len(chosen)
        if count == worlds:
            break
    if not count:
        remedy = "take a smaller --context" if context > 2 else "a roll-out wants 2 of them, and 1 more to imagine"
        raise UserError(
            f"all of {BATCHES * worlds} episodes end after {longest} frames at most, "
            f"and the belief is to see {context}: {remedy}"
        )
    joined = tree_map(lambda *parts: torch.cat(parts, dim=1), *found)
    return joined._replace(initial_state=run.agent.initial_state(count)), episode_lengths(joined.is_first)


@torch.no_grad()
def imagine_rollout(
    run: LoadedRun, trajectory: Trajectory, context: int, lengths: list[int], seed: int, decode: bool = True
) -> LongRollout:
    """Compute beliefs of the first `context` frames of a trajectory, then simulate along its actions.

    Args:
        run: the run.
        trajectory: `[T, W, ...]`.
        context: frames that the beliefs observe.
        lengths: the number of frames of each of the W worlds, counted from the first; later ones are left out.
        seed: seeds the sampled frames.
        decode: decode maps from the beliefs, too.

    Raises:
        UserError: the run has no frame model.
    """
    # The belief is given the first frames only, so that later ones cannot influence the samples.
    seen = tree_map(lambda part: part[:context], trajectory._replace(initial_state=None))
    seen = seen._replace(initial_state=trajectory.initial_state)
    beliefs = run.system.agent.unroll(seen, snapshots_at=range(context))
    assert beliefs.snapshots is not None
    last = tree_map(lambda leaf: leaf[-1], beliefs.snapshots)
    before = tree_map(lambda leaf: leaf[:-1], beliefs.snapshots)
    total = max(lengths)
    simulated = run.simulation.simulate(last, trajectory.actions[context:total])
    ahead = run.simulation.simulate(before, trajectory.actions[1:context][None])[0]
    generator = torch.Generator(run.device).manual_seed(derive_seed(seed, "rollout noise"))
    samples, expected = (run.simulation.sample_frames(states, generator) for states in (simulated, ahead))

    within = torch.arange(total)[:, None] < torch.tensor(lengths)
    true, believed = None, None
    if decode and has_maps(run.config) and run.system.probes is not None:
        read, frame = run.probes(beliefs.outputs), map_frame(run.config)
        since_seen = seen_by_belief(trajectory.targets, context)
        believed = believed_view(read, since_seen[:context], frame)
        true = true_view(trajectory.targets | {SINCE_SEEN: since_seen}, read["heading"].shape[-1], frame)
        true = tree_map(lambda part: blank(part[:total], within), true)
    return LongRollout(
        context,
        lengths,
        blank(trajectory.frames[:total], within),
        blank(samples, within[context:]),
        torch.cat([torch.zeros_like(expected[:1]), expected]).cpu(),
        true,
        believed,
    )


def seen_by_belief(truth: TargetValues, context: int) -> Tensor:
    """Return `since_seen`, `[T, W, N, N]`, held constant after the first `context` frames."""
    since_seen = truth[SINCE_SEEN]
    return torch.cat([since_seen[:context], since_seen[context - 1].expand_as(since_seen[context:])])


def blank(values: Tensor, within: Tensor) -> Tensor:
    """Return values `[T, W, ...]` on the CPU, set to zero where `within`, bool `[T, W]`, is False."""
    return values.cpu() * within.view(*within.shape, *[1] * (values.dim() - 2))
