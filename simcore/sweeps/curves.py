"""Learning curves of a sweep: one of each model's best setting, or of every setting, over its seeds (App. E)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from simcore.figures import combine, curves_figure, metric_columns
from simcore.sweeps.report import LABELS, Row, describe

DRAWN = ("return", "food", "map_mse", "cell_accuracy", "heading_accuracy")
"""Metrics of training that are drawn, where a run has them."""


def sweep_curves(rows: list[Row], runs: Path, title: str) -> Iterator[tuple[str, Figure]]:
    """Draw a figure of each metric, with a curve of each row; yield the metric and the figure.

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
    for metric in DRAWN:
        curves = {
            name: combine([(metrics["frames"], metrics[metric]) for metrics in of_row])
            for name, of_row in recorded.items()
            if all(np.isfinite(metrics.get(metric, np.array(np.nan))).any() for metrics in of_row)
        }
        if curves:
            yield metric, curves_figure(curves, title, f"{LABELS[metric]}, in training")


def _name(row: Row, rows: list[Row]) -> str:
    """Return a row's name in a figure: its model's, with its setting where the model has several rows."""
    has_several = sum(other.model == row.model for other in rows) > 1
    return f"{row.model}, {describe(row.setting)}" if has_several else row.model
