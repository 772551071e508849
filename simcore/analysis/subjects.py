"""What probes read: a belief, of the run or of an untrained agent, or the present frame alone."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from simcore.agent import Agent
from simcore.data.trajectory import Trajectory
from simcore.networks import frames_to_float
from simcore.probes.memory_reader import MemoryShape

Of = Literal["hidden", "state"]
"""What the probes read: "hidden" is b_t, as in the paper; "state" is the core's whole state: b_t, the LSTM's cell, and
the memory, which is read by attention."""

WIDEST_FRAME = 32
"""The largest side, in pixels, of frames that a probe reads; larger ones are averaged down."""


class Subject(NamedTuple):
    """A predictor whose features probes are trained on."""

    name: str
    features: Callable[[Trajectory], Tensor]
    """Computes the probes' inputs, float `[T, W, F]`, from a trajectory `[T, W, ...]`."""
    weights: nn.Module | None
    """The net that computes the features, if any; probes are valid for these weights only."""
    of: Of = "hidden"
    """What of a core's state the features are."""
    memory: MemoryShape | None = None
    """The shape of the memory that is the last part of the features, if one is."""


def observe(agent: Agent, trajectory: Trajectory, of: Of = "hidden") -> Tensor:
    """Compute an agent's beliefs `[T, W, *]` along a trajectory of any policy, from a fresh initial state.

    Of the "state", b_t is followed by the cell and by what the memory holds, if there is one, `memory_shape`.
    """
    length, worlds = trajectory.frames.shape[:2]
    fresh = trajectory._replace(initial_state=agent.initial_state(worlds))
    unrolled = agent.unroll(fresh, snapshots_at=range(length) if of == "state" else ())
    if unrolled.snapshots is None:
        return unrolled.outputs
    held = agent.core.contents(unrolled.snapshots)
    parts = [unrolled.outputs, unrolled.snapshots.cell, *([] if held is None else [held.flatten(-2)])]
    return torch.cat(parts, dim=-1)


def memory_shape(agent: Agent) -> MemoryShape | None:
    """Return the shape of what an agent's memory holds, if it has one that exposes it."""
    held = agent.core.contents(agent.initial_state(1))
    return None if held is None else MemoryShape(*held.shape[-2:])


def see(trajectory: Trajectory) -> Tensor:
    """Return the frames' pixels, averaged down, float `[T, W, F]`: the control without a memory."""
    frames = trajectory.frames
    pictures = frames_to_float(frames.flatten(0, 1))
    factor = -(-frames.shape[2] // WIDEST_FRAME)
    if factor > 1:
        pictures = nn.functional.avg_pool2d(pictures, factor)
    return pictures.flatten(1).view(*frames.shape[:2], -1)
