"""Figure 10: maps decoded from the beliefs of several models, with a short and a long overshoot (App. H)."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from simcore.analysis.decoded import DecodedMaps
from simcore.analysis.map_view import MapView
from simcore.figures.map_panel import plot_map
from simcore.figures.sheet import MARGIN, Sheet, wrap
from simcore.pictures.marks import BELIEVED, LEGEND, TRUE

SIDE = 0.8
"""Side of a map, in inches."""
GAP = 0.06
LABEL = 1.5
"""Width of the models' names, in inches."""
BETWEEN = 0.3
"""Distance between two overshoots, in inches."""


def map_samples_figure(models: Mapping[str, Mapping[int, DecodedMaps]], step: int, title: str) -> Figure:
    """Plot the maps, worlds from left to right: the true ones in the first row, then a row for each model.

    Args:
        models: by the model's name and its overshoot Lo; all of the same worlds.
        step: of the episode, at which the maps were decoded; of a shorter one, its last.
        title: the figure's title.
    """
    overshoots = sorted({overshoot for row in models.values() for overshoot in row})
    first = next(iter(next(iter(models.values())).values()))
    worlds = len(first.true.cells)
    group = worlds * (SIDE + GAP) + BETWEEN
    width = 2 * MARGIN + LABEL + len(overshoots) * group - BETWEEN
    caption, caption_height = wrap(
        "Each column is a world; an episode that ends sooner is shown at its end. Upper row: the true map; below: the "
        f"maps read from the models' beliefs. {LEGEND}",
        width - 2 * MARGIN,
    )
    top = MARGIN + 0.65
    sheet = Sheet(width, top + (len(models) + 1) * (SIDE + GAP) + 0.1 + caption_height + MARGIN)
    sheet.words(MARGIN, MARGIN, f"{title}, step {step}", 11)
    for row, name in enumerate(("true", *models)):
        words = wrap(name, LABEL - 0.1)[0]
        sheet.words(MARGIN + LABEL - 0.1, top + row * (SIDE + GAP) + SIDE / 2, words, ha="right", va="center")
    for column, overshoot in enumerate(overshoots):
        x = MARGIN + LABEL + column * group
        sheet.words(x + (group - BETWEEN - GAP) / 2, top - 0.27, f"Lo = {overshoot}", 10, ha="center", weight="bold")
        draw_row(sheet, x, top, first.true, TRUE)
        for row, maps in enumerate(models.values(), start=1):
            if overshoot in maps:
                draw_row(sheet, x, top + row * (SIDE + GAP), maps[overshoot].decoded, BELIEVED)
    sheet.words(MARGIN, sheet.height - MARGIN - caption_height, caption)
    return sheet.figure


def draw_row(sheet: Sheet, x: float, y: float, views: MapView, arrow: str) -> None:
    """Plot the maps `[W]` of some worlds side by side."""
    for world in range(len(views.cells)):
        plot_map(sheet.panel(x + world * (SIDE + GAP), y, SIDE), views.at(world), arrow)
