"""Marks on maps, for figures and pictures alike: the agent's arrow, the border of the cells seen, and their colours."""

import numpy as np
from numpy.typing import NDArray

TRUE, BELIEVED, IMAGINED = "#000000", "#1f77b4", "#d62728"
"""Colours of what is true, of what the belief takes it to be, and of what is imagined without frames."""
ARROW = np.array([(0.0, -1.0), (0.72, 0.85), (0.0, 0.45), (-0.72, 0.85)])
"""The arrow's corners (right, down) when it points up; it is about two units high."""
VEIL = 0.6
"""Opacity of the veil over cells that were never seen."""
STRIPES = 16
"""Stripes of the veil along a side of the map."""
STRIPE, BORDER, BORDER_HALO, EDGE, HALO = 0.5, 1.0, 2.4, 0.8, 2.6
"""Widths in points of a stripe, of the border and the white line under it, of an arrow's edge and the white line under
that, on a map whose side is about an inch."""
LEGEND = (
    "Black arrow: where the agent is and looks. Blue arrow: where the belief takes it to be; the paler, the less sure. "
    "Striped: what no frame has shown yet."
)

Array = NDArray[np.float64]


def border_of(seen: NDArray[np.bool_]) -> Array:
    """Return the sides `[S, 2, 2]`, each from (x, y) to (x, y), between cells in `seen`, bool `[N, N]`, and others.

    The centre of the cell (row r, column c) is (c, r).
    """
    rows, columns = np.nonzero(seen[:, 1:] != seen[:, :-1])
    upright = [[(x + 0.5, y - 0.5), (x + 0.5, y + 0.5)] for y, x in zip(rows, columns, strict=True)]
    rows, columns = np.nonzero(seen[1:] != seen[:-1])
    level = [[(x - 0.5, y + 0.5), (x + 0.5, y + 0.5)] for y, x in zip(rows, columns, strict=True)]
    return np.array(upright + level, np.float64).reshape(-1, 2, 2)


def border_width(size: int) -> float:
    """Return the factor of the border's widths in a map of `size` cells: a thick one would cover small cells."""
    return min(0.9, 10 / size)


def arrow_corners(cell: tuple[int, int], heading: float, size: int) -> Array:
    """Return the corners (x, y) of the arrow in a cell (row, column) of a map of `size` cells; `heading` in degrees."""
    angle = np.deg2rad(heading)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return arrow_length(size) * ARROW @ turn.T + (cell[1], cell[0])


def arrow_length(size: int) -> float:
    """Return half the length of an arrow, in cells, in a map of `size` cells."""
    return max(0.55, 0.07 * size)  # in a large map a cell is too small for it
