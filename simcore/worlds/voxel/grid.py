"""The voxel grid: kinds of block, their colours, and the runs that the renderer reads.

A grid is `uint8 [X, Y, Z]`; its values are kinds, air is 0. Seen from above, x grows to the right, y grows
*down* (as rows of a picture do) and z grows towards the reader. One cell is one unit of length.

Beside the grid a world carries its *runs*: each column's maximal stretches of one kind, highest first, packed
in `uint32 [X, Y, Z]` as `kind | bottom << 8 | top << 16`, a zero ending the list.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.voxel.kernels import kernel

MAX_HEIGHT = 255  # a run's bottom and top are packed in a byte each


class Kind(NamedTuple):
    """A kind of block.

    `solid` blocks stop the body; `collectable` ones vanish when it touches them, giving `reward`; `removable`
    ones can be taken in hand and placed elsewhere; a `deadly` one ends the episode when the body touches it.
    """

    name: str
    colour: tuple[int, int, int]
    solid: bool = True
    collectable: bool = False
    removable: bool = False
    deadly: bool = False
    reward: float = 0.0


KINDS = (
    Kind("air", (0, 0, 0), solid=False),
    Kind("ground", (158, 150, 136)),
    Kind("wall", (98, 104, 114)),
    Kind("food", (255, 221, 30), solid=False, collectable=True, reward=1.0),
    Kind("block", (222, 184, 120), removable=True),
    Kind("red", (208, 40, 44)),
    Kind("orange", (236, 124, 28)),
    Kind("lime", (138, 204, 58)),
    Kind("green", (30, 128, 62)),
    Kind("teal", (20, 160, 140)),
    Kind("blue", (44, 100, 226)),
    Kind("navy", (32, 42, 118)),
    Kind("purple", (128, 60, 168)),
    Kind("magenta", (226, 56, 178)),
    Kind("pink", (250, 164, 190)),
    Kind("brown", (116, 72, 40)),
    Kind("white", (240, 242, 244)),
    Kind("water", (24, 84, 148), solid=False, deadly=True),
    Kind("cliff", (158, 100, 72)),
    Kind("ice", (150, 196, 222)),
    Kind("sand", (214, 196, 140)),
    Kind("meadow", (112, 164, 66)),
    Kind("forest", (58, 112, 50)),
    Kind("rock", (120, 112, 108)),
    Kind("snow", (236, 240, 246)),
)
AIR, GROUND, WALL, FOOD, BLOCK = range(5)
FIRST_BUILDING, LAST_BUILDING = 5, 16
WATER, CLIFF, ICE, SAND, MEADOW, FOREST, ROCK, SNOW = range(17, 25)

SKY = (140, 200, 240)
TOP, BOTTOM, NORTH, EAST, SOUTH, WEST = range(6)
"""The faces of a block; NORTH is towards smaller y, EAST towards larger x."""
# The sun stands in the south-west. All four sides differ, so that a frame shows which way the agent looks: if
# opposite sides matched, a world turned by 180 degrees would look the same, and frames would not depend on the heading.
FACE_LIGHT = (1.0, 0.35, 0.45, 0.62, 0.92, 0.78)


def shaded_colours() -> NDArray[np.uint8]:
    """Return the colour of every face of every kind, `uint8 [kinds, 6, 3]`."""
    colours = np.array([kind.colour for kind in KINDS], np.float64)
    return np.round(colours[:, None, :] * np.array(FACE_LIGHT)[None, :, None]).astype(np.uint8)


def pack_colours(colours: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Pack `uint8 [..., 3]` into `uint32 [...]`: `red | green << 8 | blue << 16 | 255 << 24`, so never 0."""
    wide = colours.astype(np.uint32)
    return np.asarray(wide[..., 0] | wide[..., 1] << 8 | wide[..., 2] << 16 | 255 << 24, np.uint32)


@dataclass(frozen=True)
class World:
    """The start of one episode.

    `blocks` is `uint8 [X, Y, Z]`; `spawn` the start position (x, y, z) of the body's feet, in cells;
    `heading` the start heading, counted in turns of the level's turn angle clockwise from "up" (towards
    smaller y); `carried` maps kinds to the number of blocks in hand.
    """

    blocks: NDArray[np.uint8]
    spawn: tuple[float, float, float]
    heading: int = 0
    carried: dict[int, int] = field(default_factory=dict)


@kernel
def index_column(blocks: NDArray[np.uint8], runs: NDArray[np.uint32], x: int, y: int) -> None:
    """Rewrite the runs of column (x, y) from its blocks."""
    height = blocks.shape[2]
    count = 0
    top = height
    while top > 0:
        kind = blocks[x, y, top - 1]
        bottom = top - 1
        while bottom > 0 and blocks[x, y, bottom - 1] == kind:
            bottom -= 1
        if kind != 0:
            runs[x, y, count] = np.uint32(np.int64(kind) | bottom << 8 | top << 16)
            count += 1
        top = bottom
    if count < height:
        runs[x, y, count] = np.uint32(0)


@kernel
def index_grid(blocks: NDArray[np.uint8], runs: NDArray[np.uint32]) -> None:
    """Write the runs of a whole grid."""
    for x in range(blocks.shape[0]):
        for y in range(blocks.shape[1]):
            index_column(blocks, runs, x, y)


@kernel
def set_block(blocks: NDArray[np.uint8], runs: NDArray[np.uint32], x: int, y: int, z: int, kind: int) -> None:
    """Put a block of `kind` (0: none) into cell (x, y, z), and update the runs."""
    blocks[x, y, z] = kind
    index_column(blocks, runs, x, y)


@kernel
def count_kind(blocks: NDArray[np.uint8], kind: int) -> int:
    """Return how many blocks of `kind` the grid holds."""
    count = 0
    for block in blocks.flat:
        if block == kind:
            count += 1
    return count
