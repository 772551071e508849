"""A map as it is looked at: which of its cells a frame has shown, and where the agent is, or is believed to be."""

from typing import NamedTuple

import torch
from torch import Tensor

from simcore.common.tree import tree_map
from simcore.data.targets import ProbeTargets
from simcore.networks import frames_to_uint8
from simcore.probes.readout import Readout
from simcore.worlds.api import MAP, SINCE_SEEN

NOWHERE = -1
"""The cell of an agent that cannot be marked in its map."""


class MapView(NamedTuple):
    """Maps with a place in each, `[...]`; all of it on the CPU."""

    pictures: Tensor
    """uint8 `[..., N, N, 3]`."""
    since_seen: Tensor
    """Steps since a frame last showed a cell, int32 `[..., N, N]`; -1: none has."""
    cells: Tensor
    """The cell (row * N + column) of the agent, int64 `[...]`; or `NOWHERE`."""
    headings: Tensor
    """The direction in which it looks, in degrees clockwise from up, float `[...]`."""
    certainty: Tensor
    """How probable the cell is held to be, float `[...]`; 1 where it is the true one."""

    def at(self, *index: int | slice) -> "MapView":
        """Return the views at an index into the leading dimensions."""
        return tree_map(lambda part: part[index], self)


def true_view(truth: ProbeTargets, num_headings: int, map_frame: str = "start") -> MapView:
    """Return the true maps with the true places, `[...]`.

    Args:
        truth: what one of our levels told, `[...]`, in a trajectory that was made to be measured.
        num_headings: into how many headings a full turn is divided.
        map_frame: the frame of the maps; places are told in that of the start, and marked in no other.
    """
    headings, sure = truth["heading"] * (360.0 / num_headings), torch.ones(truth["cell"].shape)
    cells = truth["cell"] if map_frame == "start" else torch.full_like(truth["cell"], NOWHERE)
    return tree_map(Tensor.cpu, MapView(truth[MAP], truth[SINCE_SEEN], cells, headings, sure))


def believed_view(read: Readout, since_seen: Tensor, map_frame: str = "start") -> MapView:
    """Return the decoded maps with the most likely places, `[...]`.

    Args:
        read: what the probes say of beliefs, `[...]`.
        since_seen: as the world told it, `[..., N, N]`, when they were formed.
        map_frame: see `true_view`.
    """
    certainty, cells = read["cell"].softmax(dim=-1).max(dim=-1)
    cells = cells if map_frame == "start" else torch.full_like(cells, NOWHERE)
    headings = read["heading"].argmax(dim=-1) * (360.0 / read["heading"].shape[-1])
    pictures = frames_to_uint8(read[MAP].movedim(-1, -3))
    return tree_map(Tensor.cpu, MapView(pictures, since_seen, cells, headings, certainty))
