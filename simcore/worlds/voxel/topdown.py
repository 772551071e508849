"""The top-down map: one pixel a cell, the colour of the column's highest block, in one of three frames.

All three use one transform: the middle of the map's middle cell lies at an origin in the world, and "up" in
the map is a heading of the world. `start` takes the start pose, `ego` the present one, `world` the middle of the
grid and no turn.
"""

from math import floor

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.voxel.grid import TOP
from simcore.worlds.voxel.kernels import kernel

MAP_FRAMES = ("start", "world", "ego")
START, WORLD, EGO = range(3)


@kernel
def locate_cells(
    origin_x: float, origin_y: float, up: NDArray[np.float64], cells: NDArray[np.int32], grid_size: int
) -> None:
    """Find the world's cell under the middle of each pixel of a map.

    Args:
        origin_x: where the middle of map cell (N // 2, N // 2) lies, in cells of the world.
        origin_y: the same for y.
        up: `float64 [2]`, the direction in the world that is up in the map.
        cells: `int32 [N, N]`, overwritten (row, column) with `x * grid_size + y`, or -1 outside the grid.
        grid_size: the side of the square grid.
    """
    middle = cells.shape[0] // 2
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            right, down = column - middle, row - middle
            x = floor(origin_x - right * up[1] - down * up[0])
            y = floor(origin_y + right * up[0] - down * up[1])
            inside = 0 <= x < grid_size and 0 <= y < grid_size
            cells[row, column] = x * grid_size + y if inside else -1


@kernel
def to_map(
    origin_x: float, origin_y: float, up: NDArray[np.float64], size: int, x: float, y: float
) -> tuple[float, float]:
    """Return the place (x, y) of the world in the map's frame: its pixel is row `int(y)`, column `int(x)`."""
    ahead_x, ahead_y = x - origin_x, y - origin_y
    middle = size // 2 + 0.5
    return middle - ahead_x * up[1] + ahead_y * up[0], middle - ahead_x * up[0] - ahead_y * up[1]


@kernel
def plot_map(
    runs: NDArray[np.uint32],
    cells: NDArray[np.int32],
    colours: NDArray[np.uint32],
    picture: NDArray[np.uint8],
) -> None:
    """Render the map `uint8 [N, N, 3]`; `runs` and `colours` as in `raster`. Outside the grid it is black."""
    size_y = runs.shape[1]
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            cell = np.int64(cells[row, column])
            highest = np.int64(runs[cell // size_y, cell % size_y, 0]) if cell >= 0 else 0
            colour = np.int64(colours[highest & 255, TOP])
            picture[row, column, 0] = colour & 255
            picture[row, column, 1] = colour >> 8 & 255
            picture[row, column, 2] = colour >> 16 & 255


@kernel
def map_seen(
    last_seen: NDArray[np.int32],
    now: int,
    cells: NDArray[np.int32],
    since: NDArray[np.int32],
    seen: NDArray[np.bool_],
) -> None:
    """Write for each cell of the map how long ago a frame last showed it.

    Args:
        last_seen: `int32 [X, Y]`, the step of that frame; -1 where there was none.
        now: the present step.
        cells: see `locate_cells`.
        since: `int32 [N, N]`, overwritten with the steps since then; -1 where there was none, as outside the grid.
        seen: `bool [N, N]`, overwritten: whether there was one.
    """
    size_y = last_seen.shape[1]
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            cell = np.int64(cells[row, column])
            step = np.int64(last_seen[cell // size_y, cell % size_y]) if cell >= 0 else -1
            since[row, column] = now - step if step >= 0 else -1
            seen[row, column] = step >= 0
