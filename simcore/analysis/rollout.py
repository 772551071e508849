"""Long roll-outs: a belief sees the first frames of an episode, then the simulation goes on by the actions (App. J)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from simcore.analysis.fresh_probes import episode_frames
from simcore.analysis.loading import LoadedRun
from simcore.analysis.map_view import MapView, believed_view, true_view
from simcore.analysis.maps import episode_lengths, has_maps, map_frame
from simcore.common.errors import UserError
from simcore.common.seeding import stream
from simcore.common.tree import tree_map
from simcore.data.targets import ProbeTargets
from simcore.data.trajectory import Trajectory
from simcore.worlds.api import SINCE_SEEN

LONGEST_CONTEXT = 50
"""Frames that a belief sees at most before a roll-out, where nobody says how many."""
STEPS = 16
"""Steps of a roll-out, where nobody says how many."""


@dataclass(frozen=True)
class LongRollout:
    """One long roll-out from beliefs that saw the first frames of held-out episodes (App. J), beside what then came.

    All of it is on the CPU, time first. There are T frames: up to step `context` the belief sees them; from there on
    the simulation goes on with the actions alone. Beyond the end of a world's episode everything is zero.
    """

    context: int
    """Frames that the belief saw before the simulation was left to itself."""
    lengths: list[int]
    """Frames of each world's episode, more than `context` and at most T; W of them."""
    frames: Tensor
    """True frames, uint8 `[T, W, H, W, 3]`."""
    samples: Tensor
    """Frames sampled along the simulation, uint8 `[T - context, W, H, W, 3]`; the first is of step `context`."""
    expected: Tensor
    """Frames sampled one step ahead, each from the belief before it, uint8 `[context, W, H, W, 3]`; step 0 is empty."""
    true: MapView | None
    """True maps and places `[T, W]`, what the belief has seen marked: nothing is added after `context`. None where the
    world tells none."""
    believed: MapView | None
    """Maps decoded from the belief, and where it takes the agent to be, `[context, W]`: beliefs alone can be read, not
    what is simulated."""


def rollout_span(length: int, context: int | None, steps: int | None) -> tuple[int, int]:
    """Return frames of context and steps of simulation, with what is None filled in, in episodes of `length` frames.

    Raises:
        UserError: context and steps are not positive, or do not fit into one episode.
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
    run: LoadedRun, worlds: int = 4, context: int | None = None, steps: int | None = None, seed: int = 0
) -> LongRollout:
    """Form beliefs on the first frames of held-out episodes, then simulate along the actions that were taken.

    Args:
        run: the run.
        worlds: W, how many.
        context: frames that the belief sees; None: half an episode, at most 50, and fewer where an episode ends early.
        steps: frames that are then simulated; None: 16, or as many as the episode has.
        seed: chooses the worlds, and what is drawn.

    Raises:
        UserError: the run has no frame model; the numbers are not positive, or do not fit into one episode, or an
            episode ends within the context.
    """
    _ = run.simulation  # or there is nothing to roll out
    if worlds < 1:
        raise UserError(f"{worlds} worlds: there must be 1 at least")
    asked, steps = rollout_span(episode_frames(run.config), context, steps)
    trajectory = run.collect(f"rollout/{seed}", worlds, asked + steps)
    lengths = episode_lengths(trajectory.is_first)
    # Where an episode ends early, an earlier start leaves it something to imagine.
    context = max(2, min(asked, min(lengths) - steps)) if context is None else context
    if min(lengths) <= context:
        raise UserError(
            f"an episode ends after {min(lengths)} frames, and the belief is to see {context}: "
            "take a smaller --context or another --seed"
        )
    lengths = [min(length, context + steps) for length in lengths]
    return imagine_rollout(run, trajectory, context, lengths, seed)


@torch.no_grad()
def imagine_rollout(run: LoadedRun, trajectory: Trajectory, context: int, lengths: list[int], seed: int) -> LongRollout:
    """Form beliefs on the first `context` frames of a trajectory, and simulate on along its actions.

    Args:
        run: the run.
        trajectory: `[T, W, ...]`, of which each episode's first frames count, as many as `lengths` says.
        context: frames that the beliefs see.
        lengths: W numbers; the longest of them is the end.
        seed: chooses what is drawn.
    """
    # The belief is given the first frames and no more, so nothing of what follows can reach the samples.
    seen = tree_map(lambda part: part[:context], trajectory._replace(initial_state=None))
    seen = seen._replace(initial_state=trajectory.initial_state)
    beliefs = run.system.agent.unroll(seen, snapshots_at=range(context))
    assert beliefs.snapshots is not None
    last = tree_map(lambda leaf: leaf[-1], beliefs.snapshots)
    before = tree_map(lambda leaf: leaf[:-1], beliefs.snapshots)
    total = max(lengths)
    simulated = run.simulation.imagine(last, trajectory.actions[context:total])
    ahead = run.simulation.imagine(before, trajectory.actions[1:context][None])[0]
    generator = torch.Generator(run.device).manual_seed(stream(seed, "rollout noise"))
    samples, expected = (run.simulation.sample_frames(states, generator) for states in (simulated, ahead))

    within = torch.arange(total)[:, None] < torch.tensor(lengths)
    true, believed = None, None
    if has_maps(run.config) and run.system.probes is not None:
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


def seen_by_belief(truth: ProbeTargets, context: int) -> Tensor:
    """Return `since_seen`, `[T, W, N, N]`, as it is for one who sees nothing more after `context` frames: as it was."""
    since_seen = truth[SINCE_SEEN]
    return torch.cat([since_seen[:context], since_seen[context - 1].expand_as(since_seen[context:])])


def blank(values: Tensor, within: Tensor) -> Tensor:
    """Return values `[T, W, ...]` on the CPU, zero where `within`, bool `[T, W]`, is not."""
    return values.cpu() * within.view(*within.shape, *[1] * (values.dim() - 2))
