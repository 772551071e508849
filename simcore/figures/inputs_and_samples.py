"""Figures 13 and 14: inputs above samples of one long roll-out, in building levels and on terrain (App. J)."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from simcore.analysis.rollout import LongRollout
from simcore.figures.sheet import MARGIN, Sheet, show, show_imagined, wrap
from simcore.pictures.marks import IMAGINED

COLUMNS = 16
SIDE = 0.7
"""Side of a frame, in inches."""
GAP = 0.06
LABEL = 0.75
"""Width of the text at the left, in inches."""
STEP = 0.17
"""Height of the line with the steps' numbers, in inches."""
SEEN = "the belief sees these frames"
STRIP = STEP + 2 * SIDE + 2 * GAP
"""Height of a row of inputs above its samples."""


def inputs_and_samples_figure(rollouts: Mapping[str, LongRollout], title: str, columns: int = COLUMNS) -> Figure:
    """Plot examples below each other: a row of inputs above a row of samples, continued in the rows below.

    The belief observes the first inputs, below which there are no samples. All samples, framed in red, are of one
    roll-out along the actions that follow. Rows end with their episode.

    Args:
        rollouts: by the example's name; the first world of each is plotted.
        title: the figure's title.
        columns: frames per row.
    """
    strips = {name: -(-rollout.lengths[0] // columns) for name, rollout in rollouts.items()}
    width = 2 * MARGIN + LABEL + columns * (SIDE + GAP)
    caption, caption_height = wrap(
        "Upper rows: what was there. Lower rows, framed in red: what the model imagines in one long roll-out, which "
        "starts from a belief that saw the first frames alone and goes on by the actions.",
        width - 2 * MARGIN,
    )
    height = 2 * MARGIN + 0.35 + sum(0.3 + count * (STRIP + 0.08) for count in strips.values()) + caption_height
    sheet = Sheet(width, height)
    sheet.words(MARGIN, MARGIN, title, 11)
    y = MARGIN + 0.35
    for name, rollout in rollouts.items():
        sheet.words(MARGIN, y, name, 10, weight="bold")
        y += 0.22
        for strip in range(strips[name]):
            draw_strip(sheet, y, rollout, range(strip * columns, min((strip + 1) * columns, rollout.lengths[0])))
            y += STRIP + 0.08
        y += 0.08
    sheet.words(MARGIN, y, caption)
    return sheet.figure


def draw_strip(sheet: Sheet, y: float, rollout: LongRollout, times: range) -> None:
    """Plot the inputs at some times, and the samples below them."""
    left, below = MARGIN + LABEL, y + STEP + SIDE + GAP
    sheet.words(left - 0.1, y + STEP + SIDE / 2, "input", ha="right", va="center")
    for column, t in enumerate(times):
        x = left + column * (SIDE + GAP)
        imagined = t - rollout.context
        words = f"{t}" if imagined < 0 else f"+{imagined + 1}"
        sheet.words(x + SIDE / 2, y, words, 8, ha="center", color=IMAGINED if imagined >= 0 else "black")
        show(sheet.panel(x, y + STEP, SIDE), rollout.frames[t, 0].numpy())
        if imagined >= 0:
            show_imagined(sheet.panel(x, below, SIDE), rollout.samples[imagined, 0].numpy())
    seen = min(rollout.context, times.stop) - times.start
    if seen > 0:
        width = seen * (SIDE + GAP) - GAP
        sheet.rule(left, below + 0.04, width, "0.6")
        sheet.words(left + width / 2, below + 0.11, SEEN if seen > 2 else "seen", 8, ha="center", color="0.35")
    if times[-1] >= rollout.context:
        x = left + max(seen, 0) * (SIDE + GAP)
        sheet.words(x - 0.1, below + SIDE / 2, "imagined", ha="right", va="center", color=IMAGINED)
