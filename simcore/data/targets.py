"""What the world knows and the agent does not: what probes are trained to tell."""

from typing import NamedTuple

from torch import Tensor

OLD = 10
"""Steps out of sight after which what was seen is told apart: by then only a memory can know it."""


class ProbeTargets(NamedTuple):
    """What the world knows and the agent does not: the probes' targets. All of it is in the frame of the start pose."""

    maps: Tensor
    """The true top-down map, uint8 `[T, B, N, N, 3]`."""
    since_seen: Tensor | None
    """The steps since a frame of this episode last showed a cell, int32 `[T, B, N, N]`: 0 where this one does, -1 where
    none has. None in trajectories of an agent that learns by reward, which nobody asks it of."""
    cells: Tensor
    """The cell (row * N + column) in which the agent stands, int64 `[T, B]`."""
    headings: Tensor
    """The heading's bin, counted from the start's heading, int64 `[T, B]`."""
