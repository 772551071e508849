"""Tables and the figure of a comparison of settings over seeds: rich tables, and the same in Markdown."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from simcore.analysis.comparing import Comparison, Row
from simcore.analysis.names import label
from simcore.common.intervals import Interval
from simcore.figures.knowledge import steps_since_seen

LEFT = (
    "Mean over seeds in %, ± the reach of its 90 % interval. Errors are what is left of the best constant guess's; "
    "fresh probes are trained to the end on each row's input, in other worlds."
)
LESS = (
    "The same, less the first row's, in points, paired by seed: runs of a seed are measured in the same worlds. "
    "*: the 90 % interval does not hold 0."
)
LEFT_OUT = "Settings of other worlds, or other seeds, are left out."
KNOWN = {"hidden": "known of", "state": "in the core's whole state of"}
SETTING, CONTROL = "tab:blue", "tab:gray"


class Grid(NamedTuple):
    """A table of texts."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


def comparison_grids(comparison: Comparison) -> Iterator[Grid]:
    """Yield the scores, the differences to the first setting, and the error by steps out of sight, where there are."""
    columns, rows = comparison.columns, comparison.rows
    headings = tuple(label(column) for column in columns)
    yield Grid(
        f"What is {KNOWN[comparison.of]} {comparison.worlds} held-out worlds a seed",
        ("", "frames", *headings, "seeds"),
        tuple(
            (row.name, _millions(row.frames), *(percent(row.interval(column)) for column in columns), _seeds(row))
            for row in rows
        ),
        LEFT,
    )
    first, *others = (row for row in rows if not row.is_control)
    paired = [row for row in others if row.difference(first, columns[0]) is not None]
    if paired:
        yield Grid(
            f"Less {first.name}",
            ("", *headings),
            tuple((row.name, *(_points(row.difference(first, column)) for column in columns)) for row in paired),
            LESS if len(paired) == len(others) else f"{LESS} {LEFT_OUT}",
        )
    if comparison.spans:
        yield Grid(
            "What is left of the map's error, by steps out of sight",
            ("", *(steps_since_seen(*span) for span in comparison.spans)),
            tuple((row.name, *(percent(row.by_age(span)) for span in comparison.spans)) for row in rows),
        )


def rich_table(grid: Grid) -> Table:
    """Return a grid as a table of rich's."""
    table = Table(title=grid.title, title_justify="left", caption=grid.caption or None, caption_justify="left")
    for number, heading in enumerate(grid.headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in grid.rows:
        table.add_row(*row)
    return table


def markdown(grids: Sequence[Grid]) -> str:
    """Return grids as Markdown."""
    parts = []
    for grid in grids:
        rules = ["---", *("---:" for _ in grid.headings[1:])]
        lines = [f"| {' | '.join(cells)} |" for cells in (grid.headings, rules, *grid.rows)]
        parts.append("\n".join([f"**{grid.title}**", "", *lines, *(["", grid.caption] if grid.caption else [])]))
    return "\n\n".join(parts) + "\n"


def comparison_figure(comparison: Comparison, title: str) -> Figure:
    """Plot each score in a panel: settings from above to below, then controls, with 90 % intervals and each seed."""
    columns, rows = comparison.columns, comparison.rows
    longest = max(len(row.name) for row in rows)
    figure = Figure(figsize=(1.9 * len(columns) + 0.065 * longest + 0.4, 0.3 * len(rows) + 1.1), layout="constrained")
    figure.suptitle(title, fontsize=10, parse_math=False)
    panels: list[Axes] = list(figure.subplots(1, len(columns), sharey=True, squeeze=False).flat)
    for panel, column in zip(panels, columns, strict=True):
        for height, row in enumerate(rows):
            plot_row(panel, height, row, column)
        panel.set_title(f"{label(column)}, {'left ' if '_mse' in column else ''}%", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="x", color="0.92")
        panel.set_axisbelow(True)
    panels[0].set_yticks(range(len(rows)), [row.name for row in rows], parse_math=False)
    panels[0].invert_yaxis()
    return figure


def plot_row(panel: Axes, height: int, row: Row, column: str) -> None:
    """Plot a row's score: a dot with its interval, and a faint dot for each seed."""
    colour = CONTROL if row.is_control else SETTING
    values = 100 * np.array([known.scores[column] for known in row.known.values()])
    panel.plot(values, np.full(len(values), height), "o", color=colour, alpha=0.3, markersize=3.5)
    interval = row.interval(column)
    if interval is None:
        return
    reach = 100 * (interval.high - interval.mean)
    bar = [[reach], [reach]] if np.isfinite(reach) else None
    panel.errorbar([100 * interval.mean], [height], xerr=bar, fmt="o", color=colour, markersize=5, capsize=3)


def percent(interval: Interval | None) -> str:
    """Return a mean and the reach of its interval in per cent, without the sign."""
    return _written(interval, lambda value: f"{100 * value:.1f}")


def _points(interval: Interval | None) -> str:
    star = interval is not None and np.isfinite(interval.low) and not interval.low <= 0 <= interval.high
    return _written(interval, lambda value: f"{100 * value:+.1f}") + ("*" if star else "")


def _written(interval: Interval | None, write: Callable[[float], str]) -> str:
    if interval is None:
        return "–"
    if not np.isfinite(interval.high):
        return write(interval.mean)
    return f"{write(interval.mean)} ± {100 * (interval.high - interval.mean):.1f}"


def _millions(frames: int) -> str:
    return f"{frames / 1e6:.2f} M" if frames else "–"


def _seeds(row: Row) -> str:
    return ", ".join(str(seed) for seed in row.known)
