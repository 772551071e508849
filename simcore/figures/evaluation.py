"""The table of an agent's evaluation."""

import math

from rich.table import Table

from simcore.analysis.evaluation import Evaluation
from simcore.analysis.names import label
from simcore.common.intervals import Interval


def evaluation_table(evaluation: Evaluation, title: str) -> Table:
    """Return the table of means and 90 % intervals of the agent and of a random policy."""
    table = Table(title=title, title_justify="left")
    for column in ("", "agent", "90 % interval", "random policy", "90 % interval"):
        table.add_column(column, justify="left" if not column else "right")
    intervals = evaluation.intervals()
    for name in evaluation.measures:
        if not any(intervals[who][name] for who in intervals):
            continue  # such as food, in a world without
        cells = [cell for who in ("agent", "random") for cell in _cells(intervals[who][name], name)]
        table.add_row(label(name), *cells)
    return table


def _cells(interval: Interval | None, name: str) -> tuple[str, str]:
    if interval is None:
        return "–", "–"

    def write(value: float) -> str:
        return f"{value:.1%}" if name == "food" else f"{value:.2f}"

    if not math.isfinite(interval.low):
        return write(interval.mean), "one episode"
    return write(interval.mean), f"{write(interval.low)} to {write(interval.high)}"
