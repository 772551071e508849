"""Learning curves of a sweep: one of each model's best setting, or of every setting, over its seeds (App. E)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from simcore.figures import combine, curves_figure, metric_columns
from simcore.sweeps.report import LABELS, Row, describe

DRAWN = {
    "return": "return",
    "food": "food",
    "map_mse": "probes/map_mse",
    "cell_accuracy": "probes/cell_accuracy",
    "heading_accuracy": "probes/heading_accuracy",
}
"""Metrics of training that are drawn, where a run has them; by the scores of their kind, which name the files."""


def sweep_curves(rows: list[Row], runs: Path, title: str) -> Iterator[tuple[str, Figure]]:
    """Draw a figure of each metric, with a curve of each row; yield the score's name and the figure.

    Args:
        rows: whose finished runs are drawn.
        runs: the folder of the runs' folders.
        title: what the figures are of.
    """
    recorded = {
        _name(row, rows): [metric_columns(runs / run.name / "metrics.jsonl") for run, _ in row.done]
        for row in rows
        if row.done
    }
    for score, metric in DRAWN.items():
        curves = {
            name: combine([(metrics["frames"], metrics[metric]) for metrics in of_row])
            for name, of_row in recorded.items()
            if all(np.isfinite(metrics.get(metric, np.array(np.nan))).any() for metrics in of_row)
        }
        if curves:
            yield score, curves_figure(curves, title, f"{LABELS[score]}, in training")


def _name(row: Row, rows: list[Row]) -> str:
    """Return a row's name in a figure, which no other has: its model's, with its setting where there are several.

    Draws from a few values may come to the same setting twice, and then its number tells which.
    """
    of_model = [other for other in rows if other.model == row.model]
    if len(of_model) == 1:
        return row.model
    alike = sum(other.setting == row.setting for other in of_model) > 1
    return f"{row.model}, {describe(row.setting)}{f' (setting {row.number})' if alike else ''}"
