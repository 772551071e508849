"""Figure 9: the effect of κ, GECO's threshold, on the map decoded from the belief (App. G)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from simcore.common.intervals import Interval


class Point(NamedTuple):
    """One run of figure 9."""

    kappa: float
    map_mse: float
    """On held-out worlds, over all steps."""


def kappa_figure(points: Sequence[Point], constant: float, title: str, variance: float | None = None) -> Figure:
    """Plot map MSE over κ: a dot for each run, and a line through the means over seeds, with 90 % intervals.

    Args:
        points: of runs that differ only in κ and seed.
        constant: the map MSE of the best constant guess.
        title: the figure's title.
        variance: of an image dimension; the upper axis shows κ as a share of it. None: no such axis.
    """
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    kappas = sorted({point.kappa for point in points})
    means, low, high = [], [], []
    for kappa in kappas:
        interval = Interval.of([point.map_mse for point in points if point.kappa == kappa])
        assert interval is not None, "a measured run has a map MSE"
        means.append(interval.mean)
        reach = np.isfinite(interval.low)
        low.append(interval.mean - interval.low if reach else 0.0)
        high.append(interval.high - interval.mean if reach else 0.0)
    axes.errorbar(kappas, means, yerr=(low, high), color="C0", marker="o", capsize=3, label="mean over seeds, 90 %")
    axes.plot([p.kappa for p in points], [p.map_mse for p in points], "o", color="C0", alpha=0.35, markersize=4)
    axes.axhline(constant, color="0.5", linestyle="--", linewidth=0.9, label="constant guess")
    axes.set(xscale="log", xlabel="κ, squared error per image dimension", ylabel="map MSE")
    axes.set_xticks(kappas, [f"{kappa:g}" for kappa in kappas])
    axes.minorticks_off()
    axes.set_title(title, fontsize=10, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    if variance is not None:
        upper = axes.secondary_xaxis("top")
        upper.set_xticks(kappas, [f"{kappa / variance:.1%}" for kappa in kappas])
        upper.minorticks_off()
        upper.set_xlabel("κ as a share of the frames' variance")
    return figure
