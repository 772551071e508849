"""Learning curves of a sweep: one over seeds for each model's best setting, or for every setting (App. E)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from simcore.figures import columns_over_frames, combine, curves_figure
from simcore.sweeps.report import LABELS, Row, describe

DRAWN = {
    "return": "return",
    "food": "food",
    "map_mse": "probes/map_mse",
    "cell_accuracy": "probes/cell_accuracy",
    "heading_accuracy": "probes/heading_accuracy",
}
"""Training metrics that are plotted if a run has them, by the corresponding score, which names the file."""


def sweep_curves(rows: list[Row], runs: Path, title: str) -> Iterator[tuple[str, Figure]]:
    """Make a figure of each metric with a curve for each row.

    Args:
        rows: the settings whose finished runs are plotted.
        runs: the folder of the runs' folders.
        title: of the figures.

    Yields:
        The score's name and the figure.
    """
    recorded = {
        _name(row, rows): [columns_over_frames(runs / run.name / "metrics.jsonl") for run, _ in row.done]
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
    """Return a row's unique name in a figure: its model's, with its setting if there are several.

    The setting's number is added if the same setting was sampled twice.
    """
    of_model = [other for other in rows if other.model == row.model]
    if len(of_model) == 1:
        return row.model
    alike = sum(other.setting == row.setting for other in of_model) > 1
    return f"{row.model}, {describe(row.setting)}{f' (setting {row.number})' if alike else ''}"
