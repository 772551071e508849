"""The course of a training run: its metrics over frames, beside what a constant guess would score."""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simcore.errors import UserError

SMOOTHING = 2 / 11
"""Weight of the newest value: an exponential window of length 10 (App. E)."""
PANELS = {
    "error": "reconstruction error (dashed: κ)",
    "kl": "KL, nats a dimension",
    "lambda": "λ",
    "map_mse": "map MSE",
    "cell_accuracy": "cell accuracy",
    "heading_accuracy": "heading accuracy",
}


def read_metrics(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return each metric of a `metrics.jsonl` as an array over its lines; a value that was not finite is NaN.

    Raises:
        UserError: the file is missing, empty or damaged.
    """
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        if not lines:
            raise UserError(f"{path} holds no metrics yet; train until its first line")
        return {name: np.array([line[name] for line in lines], dtype=np.float64) for name in lines[0]}
    except FileNotFoundError as error:
        raise UserError(f"there is no {path}; train until the first metrics") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); resume the run from its checkpoint") from error


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exponential moving average that starts at the first value (App. E)."""
    result = values.copy()
    for i in range(1, len(values)):
        result[i] = SMOOTHING * values[i] + (1 - SMOOTHING) * result[i - 1]
    return result


def course_figure(
    metrics: dict[str, NDArray[np.float64]], constant: dict[str, float], kappa: float, title: str
) -> Figure:
    """Return the figure of a run's course: faint as measured on training worlds, solid smoothed.

    Args:
        metrics: what `read_metrics` returns.
        constant: the constant guess's score for those metrics that have one.
        kappa: κ, the error that GECO aims at.
        title: the figure's title.
    """
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    figure.suptitle(title)
    frames = metrics["frames"] / 1e6
    for panel, (name, label) in zip(figure.subplots(2, 3).flat, PANELS.items(), strict=True):
        panel.set_title(label, fontsize=9)
        panel.set_xlabel("million frames", fontsize=8)
        panel.plot(frames, metrics[name], color="tab:blue", alpha=0.25, linewidth=1)
        panel.plot(frames, smooth(metrics[name]), color="tab:blue", label="belief" if name in constant else None)
        if name in constant:
            panel.axhline(constant[name], color="tab:gray", label="constant")
            panel.legend(fontsize=8)
        if name == "error":
            panel.axhline(kappa, color="tab:gray", linestyle="--")
        if name in ("error", "kl", "lambda"):
            panel.set_yscale("log")
        if name == "map_mse":  # the first updates' errors would hide the rest
            settled = metrics[name][len(frames) // 20 :]
            panel.set_ylim(0.98 * np.nanmin(settled), 1.02 * max(np.nanmax(settled), constant.get(name, 0.0)))
    return figure
