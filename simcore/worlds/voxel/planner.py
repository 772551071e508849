"""Paths on the plane: kernels that find a shortest path of open cells, and test straight paths."""

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.voxel.kernels import kernel


@kernel
def shortest_path(open_cells: NDArray[np.bool_], start: int, goal: int, path: NDArray[np.int64]) -> int:
    """Find a shortest path through cells' sides, by breadth first search.

    Args:
        open_cells: `bool [N, N]`, where one may walk.
        start: the first cell, as `x * N + y`; open.
        goal: the last one.
        path: `int64 [N * N]`, overwritten with the cells from start to goal, both included.

    Returns:
        The number of cells written; 0 if there is no path.
    """
    size = open_cells.shape[0]
    onward = np.empty(size * size, np.int64)  # the next cell on the way to the goal
    for cell in range(size * size):
        onward[cell] = -1
    queue = np.empty(size * size, np.int64)
    onward[goal], queue[0] = goal, goal
    head, tail = 0, 1
    while head < tail and onward[start] < 0:
        cell = queue[head]
        head += 1
        x, y = cell // size, cell % size
        for turn in range(4):
            near_x, near_y = x + (turn == 0) - (turn == 1), y + (turn == 2) - (turn == 3)
            if 0 <= near_x < size and 0 <= near_y < size and open_cells[near_x, near_y]:
                near = near_x * size + near_y
                if onward[near] < 0:
                    onward[near], queue[tail] = cell, near
                    tail += 1
    if onward[start] < 0:
        return 0
    path[0] = start
    length = 1
    while path[length - 1] != goal:
        path[length] = onward[path[length - 1]]
        length += 1
    return length


@kernel
def is_clear(open_cells: NDArray[np.bool_], x: float, y: float, to_x: float, to_y: float, radius: float) -> bool:
    """Tell whether a square of half-width `radius` can go straight from (x, y) to (to_x, to_y).

    The way is probed every fifth of a cell: a corner may be cut by less than that, and the body slides along
    it.
    """
    probes = ceil(5 * max(abs(to_x - x), abs(to_y - y)))
    for probe in range(probes + 1):
        part = probe / max(probes, 1)
        at_x, at_y = x + part * (to_x - x), y + part * (to_y - y)
        for cell_x in range(floor(at_x - radius), floor(at_x + radius) + 1):
            for cell_y in range(floor(at_y - radius), floor(at_y + radius) + 1):
                if not open_cells[cell_x, cell_y]:
                    return False
    return True
