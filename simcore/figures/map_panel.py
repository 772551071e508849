"""One map in a figure: its cells, with a veil over those that no frame has shown, and an arrow for the agent."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Polygon
from matplotlib.path import Path
from numpy.typing import NDArray

from simcore.analysis.map_view import MapView
from simcore.figures.sheet import show

TRUE, BELIEVED = "black", "tab:blue"
"""Colours of the arrow at the true and at the believed place."""
ARROW = np.array([(0.0, -1.0), (0.72, 0.85), (0.0, 0.45), (-0.72, 0.85)])
"""The arrow's corners (right, down) when it points up; it is about two units high."""
VEIL = 0.6
"""Opacity of the veil over cells that were never seen."""
STRIPES = 16
"""Stripes of the veil along a side of the map."""
LEGEND = (
    "Black arrow: where the agent is and looks. Blue arrow: where the belief takes it to be; the paler, the less sure. "
    "Striped: what no frame has shown yet."
)

Array = NDArray[np.float64]


def plot_map(panel: Axes, view: MapView, arrow: str) -> None:
    """Plot one map (a view without leading dimensions), with its veil and an arrow of a colour.

    Seen cells keep their colours and have a border; the others lie under pale stripes, which are visible without
    colour.
    """
    show(panel, view.pictures.numpy())
    seen = view.since_seen.numpy() >= 0
    draw_veil(panel, seen)
    if view.cells >= 0:
        corners = arrow_corners(divmod(int(view.cells), len(seen)), float(view.headings), len(seen))
        draw_arrow(panel, corners, float(view.certainty), arrow)


def draw_veil(panel: Axes, seen: NDArray[np.bool_]) -> None:
    """Plot pale stripes over the cells that are not in `seen`, bool `[N, N]`, and a line around them."""
    if seen.all():
        return  # an empty path would not clip the stripes at all
    size = len(seen)
    veil = np.ones((size, size, 4))
    veil[..., 3] = np.where(seen, 0.0, VEIL)
    panel.imshow(veil, interpolation="nearest")
    offsets = np.arange(1, 2 * STRIPES) * size / STRIPES - 0.5
    stripes = LineCollection([[(at, -0.5), (-0.5, at)] for at in offsets], colors="0.45", linewidths=0.5)
    stripes.set_clip_path(outline_cells(~seen), panel.transData)
    panel.add_collection(stripes, autolim=False)
    border = border_of(seen)
    thin = min(0.9, 10 / size)  # in a large map a thick border would cover the cells
    for colour, width in (("white", 2.4 * thin), ("black", thin)):
        lines = LineCollection(list(border), colors=colour, linewidths=width, capstyle="projecting")
        panel.add_collection(lines, autolim=False)


def outline_cells(cells: NDArray[np.bool_]) -> Path:
    """Return the path around each of some cells, bool `[N, N]`; the centre of the cell (row r, column c) is (c, r)."""
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)])
    rows, columns = np.nonzero(cells)
    vertices = (np.stack([columns, rows], axis=-1)[:, None] + corners).reshape(-1, 2)
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(rows)
    return Path(vertices, np.array(codes, Path.code_type))


def border_of(seen: NDArray[np.bool_]) -> Array:
    """Return the sides `[S, 2, 2]`, each from (x, y) to (x, y), between cells in `seen` and others."""
    rows, columns = np.nonzero(seen[:, 1:] != seen[:, :-1])
    upright = [[(x + 0.5, y - 0.5), (x + 0.5, y + 0.5)] for y, x in zip(rows, columns, strict=True)]
    rows, columns = np.nonzero(seen[1:] != seen[:-1])
    level = [[(x - 0.5, y + 0.5), (x + 0.5, y + 0.5)] for y, x in zip(rows, columns, strict=True)]
    return np.array(upright + level, np.float64).reshape(-1, 2, 2)


def arrow_corners(cell: tuple[int, int], heading: float, size: int) -> Array:
    """Return the corners (x, y) of the arrow in a cell (row, column) of a map of `size` cells; `heading` in degrees."""
    angle = np.deg2rad(heading)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    scale = max(0.55, 0.07 * size)  # in a large map a cell is too small for it
    return scale * ARROW @ turn.T + (cell[1], cell[0])


def draw_arrow(panel: Axes, corners: Array, certainty: float, colour: str) -> None:
    """Plot an arrow, the paler the less certain, with a line of the colour within a white one for contrast."""
    paled = 1 - certainty * (1 - np.array(to_rgb(colour)))
    for fill, edge, width in (("white", "white", 2.6), (paled, colour, 0.8)):
        patch = Polygon(corners, facecolor=fill, edgecolor=edge, linewidth=width, zorder=3)
        patch.set(joinstyle="miter", clip_on=False)  # it may extend beyond the map's edge
        panel.add_patch(patch)
