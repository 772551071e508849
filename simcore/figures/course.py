"""The figure of a training run: its metrics over frames, with the scores of a constant guess."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from simcore.figures.curves import smooth

PANELS = {
    "return": "return of the episodes that ended",
    "food": "part of the food that was eaten",
    "length": "length of the episodes",
    "acting/entropy": "entropy of the policy, nats",
    "acting/value_loss": "value loss",
    "lag/mean": "policy lag, updates",
    "frame_model/error": "reconstruction error (dashed: κ)",
    "frame_model/kl": "KL, nats a dimension",
    "frame_model/lambda": "λ",
    "probes/map_mse": "map MSE",
    "probes/cell_accuracy": "cell accuracy",
    "probes/heading_accuracy": "heading accuracy",
}
SPAN = 5.0
"""Values whose ratio of largest to smallest is less than this are plotted on a linear axis."""


def course_figure(
    metrics: dict[str, NDArray[np.float64]], constant: dict[str, float], kappa: float | None, title: str
) -> Figure:
    """Return the figure of a training run, a panel for each metric that it has: faint as measured, solid smoothed.

    Args:
        metrics: what `metric_columns` returns.
        constant: the constant guess's scores by name, such as `map_mse`, for metrics that have one.
        kappa: κ, GECO's target error; None if frames are not reconstructed, as by the contrastive model.
        title: the figure's title.
    """
    others = [name for name in metrics if name not in PANELS and name.endswith(("_mse", "_accuracy"))]
    panels_of = PANELS | {name: name.replace("_mse", " MSE").replace("_", " ") for name in others}
    shown = {name: label for name, label in panels_of.items() if np.nan_to_num(metrics.get(name, 0.0)).any()}
    if "return" not in shown:
        shown.pop("lag/mean", None)  # a hand-written policy cannot lag
    if "frame_model/kl" not in shown:
        shown.pop("frame_model/lambda", None)  # without a KL λ has no meaning
    if kappa is None and "frame_model/error" in shown:
        shown["frame_model/error"] = "error of the contrastive model, nats"
    rows = -(-len(shown) // 3)
    figure = Figure(figsize=(12, 2.8 * rows), layout="constrained")
    figure.suptitle(title, fontsize=11, parse_math=False)
    unit, scale = ("million frames", 1e6) if metrics["frames"][-1] >= 1e5 else ("thousand frames", 1e3)
    frames = metrics["frames"] / scale
    marker = "o" if len(frames) == 1 else None  # of a single measurement there is no line
    panels = list(figure.subplots(rows, 3, squeeze=False).flat)
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    for panel, (name, label) in zip(panels, shown.items(), strict=False):
        guess = constant.get(name.rpartition("/")[2])
        panel.set_title(label, fontsize=9)
        panel.set_xlabel(unit, fontsize=8)
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
        own = "belief" if guess is not None else None
        panel.plot(frames, metrics[name], color="tab:blue", alpha=0.25, linewidth=1)
        panel.plot(frames, smooth(metrics[name]), color="tab:blue", marker=marker, label=own)
        if guess is not None:
            panel.axhline(guess, color="tab:gray", label="constant")
            panel.legend(fontsize=8, frameon=False)
        if name == "frame_model/error" and kappa is not None:
            panel.axhline(kappa, color="tab:gray", linestyle="--")
        if name in ("frame_model/error", "frame_model/kl", "frame_model/lambda"):
            scale_by_decades(panel)
        if name == "probes/map_mse":  # the first updates' errors would hide the rest
            settled = metrics[name][len(frames) // 20 :]
            highest = max(np.nanmax(settled), np.nanmax(smooth(metrics[name])[len(frames) // 2 :]))
            panel.set_ylim(0.98 * np.nanmin(settled), 1.02 * max(highest, guess or 0.0))
    return figure


def scale_by_decades(panel: Axes) -> None:
    """Make the y axis logarithmic, with plain numbers at 1, 2 and 5, unless the ratio of its ends is below `SPAN`."""
    low, high = panel.get_ylim()
    if low > 0 and high < SPAN * low:
        return
    panel.set_yscale("log")
    panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter(NullFormatter())
