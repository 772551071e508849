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
from simcore.pictures.marks import (
    BORDER,
    BORDER_HALO,
    EDGE,
    HALO,
    STRIPE,
    STRIPES,
    VEIL,
    Array,
    arrow_corners,
    border_of,
    border_width,
)


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
    stripes = LineCollection([[(at, -0.5), (-0.5, at)] for at in offsets], colors="0.45", linewidths=STRIPE)
    stripes.set_clip_path(outline_cells(~seen), panel.transData)
    panel.add_collection(stripes, autolim=False)
    border = border_of(seen)
    for colour, width in (("white", BORDER_HALO), ("black", BORDER)):
        widths = width * border_width(size)
        lines = LineCollection(list(border), colors=colour, linewidths=widths, capstyle="projecting")
        panel.add_collection(lines, autolim=False)


def outline_cells(cells: NDArray[np.bool_]) -> Path:
    """Return the path around each of some cells, bool `[N, N]`; the centre of the cell (row r, column c) is (c, r)."""
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)])
    rows, columns = np.nonzero(cells)
    vertices = (np.stack([columns, rows], axis=-1)[:, None] + corners).reshape(-1, 2)
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(rows)
    return Path(vertices, np.array(codes, Path.code_type))


def draw_arrow(panel: Axes, corners: Array, certainty: float, colour: str) -> None:
    """Plot an arrow, the paler the less certain, with a line of the colour within a white one for contrast."""
    paled = 1 - certainty * (1 - np.array(to_rgb(colour)))
    for fill, edge, width in (("white", "white", HALO), (paled, colour, EDGE)):
        patch = Polygon(corners, facecolor=fill, edgecolor=edge, linewidth=width, zorder=3)
        patch.set(joinstyle="miter", clip_on=False)  # it may extend beyond the map's edge
        panel.add_patch(patch)
