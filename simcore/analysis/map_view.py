"""Maps prepared for plotting: pictures with the cells seen so far and the true or believed place of the agent."""

from typing import NamedTuple

import torch
from torch import Tensor

from simcore.common.tree import tree_map
from simcore.data.targets import TargetValues
from simcore.networks import frames_to_uint8
from simcore.probes.readout import Readout
from simcore.worlds.api import MAP, SINCE_SEEN

NOWHERE = -1
"""The cell of an agent whose place cannot be marked in the map."""


class MapView(NamedTuple):
    """Maps with the agent's place in each, `[...]`; all on the CPU."""

    pictures: Tensor
    """uint8 `[..., N, N, 3]`."""
    since_seen: Tensor
    """Steps since a frame last showed each cell, int32 `[..., N, N]`; -1: none has."""
    cells: Tensor
    """The agent's cell (row * N + column), int64 `[...]`; or `NOWHERE`."""
    headings: Tensor
    """The agent's heading in degrees clockwise from up, float `[...]`."""
    certainty: Tensor
    """The probability of the cell, float `[...]`; 1 in views of the truth."""

    def at(self, *index: int | slice | list[int]) -> "MapView":
        """Return the views at an index into the leading dimensions."""
        return tree_map(lambda part: part[index], self)


def true_view(truth: TargetValues, num_headings: int, map_frame: str = "start") -> MapView:
    """Return the true maps with the true places, `[...]`.

    Args:
        truth: the targets of one of SimCore's levels, with `since_seen`, `[...]`.
        num_headings: the number of headings of a full turn.
        map_frame: the frame of the maps; places are given in the start frame, and marked in maps of that frame only.
    """
    headings, sure = truth["heading"] * (360.0 / num_headings), torch.ones(truth["cell"].shape)
    cells = truth["cell"] if map_frame == "start" else torch.full_like(truth["cell"], NOWHERE)
    return tree_map(Tensor.cpu, MapView(truth[MAP], truth[SINCE_SEEN], cells, headings, sure))


def believed_view(read: Readout, since_seen: Tensor, map_frame: str = "start") -> MapView:
    """Return the decoded maps with the most likely places, `[...]`.

    Args:
        read: the probes' answers, `[...]`.
        since_seen: the true steps since each cell was seen, int32 `[..., N, N]`.
        map_frame: see `true_view`.
    """
    certainty, cells = read["cell"].softmax(dim=-1).max(dim=-1)
    cells = cells if map_frame == "start" else torch.full_like(cells, NOWHERE)
    headings = read["heading"].argmax(dim=-1) * (360.0 / read["heading"].shape[-1])
    pictures = frames_to_uint8(read[MAP].movedim(-1, -3))
    return tree_map(Tensor.cpu, MapView(pictures, since_seen, cells, headings, certainty))
