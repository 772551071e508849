"""The figure of long roll-outs beside the true frames, with the maps decoded from the belief before them (App. J)."""

from matplotlib.figure import Figure

from simcore.analysis.rollout import LongRollout
from simcore.figures.map_panel import plot_map
from simcore.figures.sheet import MARGIN, Sheet, show, show_imagined, wrap
from simcore.pictures.marks import BELIEVED, IMAGINED, LEGEND, TRUE

FRAME = 0.72
"""Side of a frame in inches."""
MAP = 1.07
"""Side of the panels of the context, in inches."""
GAP = 0.06
LABEL = 0.85
"""Width of the text at the left of panels, in inches."""
STEP = 0.18
"""Height of the line with the steps' numbers, in inches."""
LINE = STEP + 2 * (FRAME + GAP) + 0.08
"""Height of a line of true above imagined frames, in inches."""
LINES = 2
"""Lines of simulated frames, each true above imagined."""
HEADING = 4.2
"""Width of the text above the simulated frames, in inches."""
BETWEEN = 0.3
"""Distance between two worlds, in inches."""


def moments(context: int) -> list[int]:
    """Return the numbers of frames after which the map is shown: a quarter, half and all of the context."""
    return sorted({max(1, context // 4), max(1, context // 2), context})


def rollout_figure(rollout: LongRollout, title: str) -> Figure:
    """Return a figure of the map decoded from the belief during the context, and of the long roll-out that follows.

    At the left, for each world, the last frame, the true map and the map decoded from the belief, after a quarter, half
    and all of the context; at the right all imagined frames, each below the true one.
    """
    worlds, steps = rollout.frames.shape[1], len(rollout.samples)
    has_maps = rollout.true is not None
    columns, shown = -(-steps // LINES), moments(rollout.context)
    left_width = LABEL + len(shown) * (MAP + GAP)
    right = MARGIN + left_width + 0.25
    width = right + LABEL + max(columns * (FRAME + GAP), HEADING) + MARGIN
    block = max(STEP + (3 if has_maps else 1) * (MAP + GAP), min(LINES, steps) * LINE)
    caption, caption_height = wrap(describe(rollout), width - 2 * MARGIN)
    top = MARGIN + 0.72
    sheet = Sheet(width, top + worlds * (block + BETWEEN) + caption_height + MARGIN)
    sheet.words(MARGIN, MARGIN, title, 11)
    for x, words, colour in (
        (MARGIN + LABEL, f"It sees {rollout.context} frames", "black"),
        (right + LABEL, f"Then it imagines {steps} more, from its actions alone", IMAGINED),
    ):
        sheet.words(x, MARGIN + 0.34, words, 10, weight="bold", color=colour)
    for world in range(worlds):
        y = top + world * (block + BETWEEN)
        draw_seen(sheet, MARGIN, y, rollout, world)
        draw_imagined(sheet, right, y, rollout, world, columns)
    sheet.words(MARGIN, sheet.height - MARGIN - caption_height, caption)
    return sheet.figure


def describe(rollout: LongRollout) -> str:
    """Return the figure's caption."""
    words = (
        "Framed in red: one long roll-out, simulated from the belief after its last frame and sampled step by step; "
        "above each what was really there, which the belief never saw."
    )
    if rollout.true is not None:
        words = f"At the left, below the true map: the map that is read from the belief, as it forms. {LEGEND} {words}"
    return words


def draw_seen(sheet: Sheet, x: float, y: float, rollout: LongRollout, world: int) -> None:
    """Plot frame, true map and decoded map at some times of the context, each in a column."""
    names = ["sees", "true\nmap", "believed\nmap"][: 1 if rollout.true is None else 3]
    rows = [y + STEP + row * (MAP + GAP) for row in range(len(names))]
    for at, name in zip(rows, names, strict=True):
        sheet.words(x + LABEL - 0.1, at + MAP / 2, name, ha="right", va="center")
    for column, count in enumerate(moments(rollout.context)):
        left = x + LABEL + column * (MAP + GAP)
        words = f"after {count} frames" if count > 1 else "after 1 frame"
        sheet.words(left + MAP / 2, y, words, 8, ha="center")
        show(sheet.panel(left, rows[0], MAP), rollout.frames[count - 1, world].numpy())
        if rollout.true is not None and rollout.believed is not None:
            plot_map(sheet.panel(left, rows[1], MAP), rollout.true.at(count - 1, world), TRUE)
            plot_map(sheet.panel(left, rows[2], MAP), rollout.believed.at(count - 1, world), BELIEVED)


def draw_imagined(sheet: Sheet, x: float, y: float, rollout: LongRollout, world: int, columns: int) -> None:
    """Plot the simulated frames of a world below the true ones, on a few lines, up to the end of its episode."""
    steps = rollout.lengths[world] - rollout.context
    for k in range(steps):
        line, column = divmod(k, columns)
        left, at = x + LABEL + column * (FRAME + GAP), y + line * LINE
        true, below = at + STEP, at + STEP + FRAME + GAP
        if column == 0:
            sheet.words(left - 0.1, true + FRAME / 2, "true", ha="right", va="center")
            sheet.words(left - 0.1, below + FRAME / 2, "imagined", ha="right", va="center", color=IMAGINED)
        sheet.words(left + FRAME / 2, at, f"+{k + 1}", 8, ha="center", color=IMAGINED)
        show(sheet.panel(left, true, FRAME), rollout.frames[rollout.context + k, world].numpy())
        show_imagined(sheet.panel(left, below, FRAME), rollout.samples[k, world].numpy())
    if steps < len(rollout.samples):
        line, column = divmod(steps, columns)
        place = x + LABEL + column * (FRAME + GAP), y + line * LINE + STEP + FRAME + GAP / 2
        sheet.words(*place, "the episode\nis over", 8, va="center", color="0.4")
