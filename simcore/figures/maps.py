"""Figure 11: the true map and the map decoded from the belief along an episode."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simcore.analysis.maps import Maps
from simcore.figures.map_panel import plot_map
from simcore.figures.sheet import MARGIN, Sheet, show, wrap
from simcore.pictures.marks import BELIEVED, LEGEND, TRUE

SAMPLES = 3
"""Rows of samples (figure 11)."""
SIDE = 1.0
"""Side of a picture, in inches."""
GAP = 0.06
LABEL = 0.85
"""Width of the text at the left, in inches."""
STEP = 0.2
"""Height of the line with the steps' numbers, in inches."""
BETWEEN = 0.22
"""Distance between two worlds, in inches."""

Rows = Sequence[tuple[str, Callable[[Axes, int, int, int], None]]]


def maps_figure(maps: Maps, title: str, worlds: int = 3) -> Figure:
    """Return figure 11: over time, for each world, frames, true map, decoded map and samples of the map.

    The worlds with the longest episodes are plotted, only the first episode of each.
    """
    worlds = min(worlds, len(maps.lengths))
    shown = sorted(range(len(maps.lengths)), key=lambda world: -maps.lengths[world])[:worlds]
    rows = rows_of(maps)
    words = "Below the true map: the map that is read from the belief. "
    if maps.samples is not None:
        words += "Samples are drawn by a model of the map: where they differ, the belief leaves it open. "
    width = 2 * MARGIN + LABEL + len(maps.times) * (SIDE + GAP)
    caption, caption_height = wrap(words + LEGEND, width - 2 * MARGIN)
    block, top = STEP + len(rows) * (SIDE + GAP) + BETWEEN, MARGIN + 0.35
    sheet = Sheet(width, top + worlds * block + caption_height + MARGIN)
    sheet.words(MARGIN, MARGIN, title, 11)
    for place, world in enumerate(shown):
        plot_world(sheet, top + place * block, maps, rows, world)
    sheet.words(MARGIN, sheet.height - MARGIN - caption_height, caption)
    return sheet.figure


def plot_world(sheet: Sheet, y: float, maps: Maps, rows: Rows, world: int) -> None:
    """Plot the rows of a world up to the end of its first episode."""
    times = [t for t in maps.times if t < maps.lengths[world]]
    for column, t in enumerate(times):
        sheet.words(MARGIN + LABEL + column * (SIDE + GAP) + SIDE / 2, y, f"step {t}", 8, ha="center")
    for row, (name, draw) in enumerate(rows):
        at = y + STEP + row * (SIDE + GAP)
        sheet.words(MARGIN + LABEL - 0.1, at + SIDE / 2, name, ha="right", va="center")
        for column, t in enumerate(times):
            draw(sheet.panel(MARGIN + LABEL + column * (SIDE + GAP), at, SIDE), column, t, world)


def rows_of(maps: Maps) -> Rows:
    """Return the rows of a world: their names, and functions that plot a panel by column, time and world."""
    samples = maps.samples[:SAMPLES] if maps.samples is not None else ()
    return [
        ("sees", lambda panel, _, t, world: show(panel, maps.frames[t, world].numpy())),
        ("true\nmap", lambda panel, _, t, world: plot_map(panel, maps.true.at(t, world), TRUE)),
        ("believed\nmap", lambda panel, _, t, world: plot_map(panel, maps.believed.at(t, world), BELIEVED)),
        *(
            ("sample", lambda panel, column, _, world, sample=sample: show(panel, sample[column, world].numpy()))
            for sample in samples
        ),
    ]
