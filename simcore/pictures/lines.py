"""A line chart as a picture: some values over time, as a running record."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simcore.pictures.canvas import FAINT, INK, PAPER, Canvas, Picture, width_of

SMOOTHING = 2
"""The factor by which lines are drawn larger than they are, and then averaged."""
GAP = 4
LABEL = 11
"""Size of words, in pixels."""
GRID = "#cccccc"


class Line(NamedTuple):
    """A line of a chart."""

    values: ArrayLike
    """`[T]`; NaN where there is none."""
    colour: str = INK


def draw_lines(
    lines: Mapping[str, Line], width: int, height: int, low: float = 0.0, high: float | None = None, steps: int = 0
) -> Picture:
    """Draw lines over the same steps, their names above them in their colours, and the scale's ends at the left.

    Args:
        lines: by name.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        low: the value at the lower edge.
        high: the value at the upper edge; None: the largest of all.
        steps: steps that the width holds; fewer than there are: as many as there are.
    """
    values = {name: np.asarray(line.values, np.float64) for name, line in lines.items()}
    if high is None:
        finite = [each[np.isfinite(each)].max(initial=low) for each in values.values()]
        high = max(finite, default=low)
    high = high if high > low else low + 1.0
    span = max(2, steps, *map(len, values.values())) - 1
    ends = [f"{end:.3g}" for end in (high, low)]
    left, top = max(map(width_of, ends)) + GAP, LABEL + 2 * GAP
    inner = (width - left - 1, height - top - LABEL // 2)
    canvas = Canvas(width, height)
    plot = Canvas(SMOOTHING * inner[0], SMOOTHING * inner[1], PAPER)
    for name, line in lines.items():
        x = np.arange(len(values[name])) / span * (plot.image.width - 1)
        y = (high - values[name].clip(low, high)) / (high - low) * (plot.image.height - SMOOTHING - 1)
        for part in runs_of_numbers(y):
            plot.line(np.stack([x[part], y[part]], axis=-1), line.colour, 2 * SMOOTHING)
    canvas.put(left, top, np.asarray(plot.image.reduce(SMOOTHING)), GRID)
    for end, y in zip(ends, (top, top + inner[1]), strict=True):
        canvas.words(left - GAP, y, end, LABEL, FAINT, "rm")
    at = left
    for name, line in lines.items():
        canvas.words(at, GAP, name, LABEL, line.colour)
        at += width_of(name, LABEL) + 4 * GAP
    return canvas.pixels


def runs_of_numbers(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[slice]:
    """Return the longest stretches of values `[T]` without a NaN."""
    is_number = np.concatenate([[False], np.isfinite(values), [False]])
    changes = np.flatnonzero(is_number[1:] != is_number[:-1])
    return [slice(begin, end) for begin, end in zip(changes[::2], changes[1::2], strict=True)]
