"""Figure 12: the map's error along one trajectory, with insets of frames and maps (App. I)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from matplotlib.ticker import MaxNLocator

from simcore.analysis.decoded import TrajectoryError
from simcore.figures.map_panel import plot_map
from simcore.figures.sheet import MARGIN, Sheet, show, wrap
from simcore.pictures.marks import BELIEVED, LEGEND, TRUE

INSETS = 6
SIDE = 1.25
"""Side of an inset, in inches."""
GAP = 0.06
LABEL = 0.85
"""Width of the text at the left, in inches."""
CURVE = 2.3
"""Height of the curve, in inches."""


def trajectory_error_figure(trajectory: TrajectoryError, title: str, insets: int = INSETS) -> Figure:
    """Plot map MSE over time, and above it, at some times, true map, decoded map and frame, from top to bottom."""
    times = np.linspace(0, len(trajectory.errors) - 1, insets).round().astype(int)
    width = 2 * MARGIN + LABEL + insets * (SIDE + GAP)
    caption, caption_height = wrap(f"Above: what was known at the dots of the curve. {LEGEND}", width - 2 * MARGIN)
    top = MARGIN + 0.55
    below = top + 3 * (SIDE + GAP) + 0.55
    sheet = Sheet(width, below + CURVE + 0.6 + caption_height + MARGIN)
    sheet.words(MARGIN, MARGIN, title, 11)
    for row, name in enumerate(("true\nmap", "believed\nmap", "sees")):
        sheet.words(MARGIN + LABEL - 0.1, top + row * (SIDE + GAP) + SIDE / 2, name, ha="right", va="center")
    curve = draw_curve(sheet.panel(MARGIN + LABEL, below, width - 2 * MARGIN - LABEL - GAP, CURVE), trajectory)
    for column, t in enumerate(times):
        x = MARGIN + LABEL + column * (SIDE + GAP)
        sheet.words(x + SIDE / 2, top - 0.2, f"step {t}", 8, ha="center")
        panels = [sheet.panel(x, top + row * (SIDE + GAP), SIDE) for row in range(3)]
        plot_map(panels[0], trajectory.true.at(int(t)), TRUE)
        plot_map(panels[1], trajectory.believed.at(int(t)), BELIEVED)
        show(panels[2], trajectory.frames[t].numpy())
        connect(sheet.figure, panels[2], curve, float(t), float(trajectory.errors[t]))
    sheet.words(MARGIN, sheet.height - MARGIN - caption_height, caption)
    return sheet.figure


def draw_curve(axes: Axes, trajectory: TrajectoryError) -> Axes:
    """Plot the errors of belief and constant guess over time."""
    axes.plot(trajectory.errors, color=BELIEVED, label="belief")
    axes.plot(trajectory.constant, color="0.5", linestyle="--", linewidth=1.0, label="constant guess")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(labelsize=8)
    axes.set(xlim=(0, max(1, len(trajectory.errors) - 1)))
    axes.set_xlabel("step of the episode", fontsize=9)
    axes.set_ylabel("map MSE", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, ncols=2, loc="upper left", bbox_to_anchor=(-0.01, -0.1))
    return axes


def connect(figure: Figure, inset: Axes, curve: Axes, t: float, error: float) -> None:
    """Mark a point of the curve, and plot a line to it from its inset."""
    curve.plot(t, error, "o", color=BELIEVED, markersize=5, clip_on=False)
    line = ConnectionPatch(
        xyA=(0.5, 0.0),
        xyB=(t, error),
        coordsA="axes fraction",
        coordsB="data",
        axesA=inset,
        axesB=curve,
        color="0.75",
        linewidth=0.7,
    )
    figure.add_artist(line)
