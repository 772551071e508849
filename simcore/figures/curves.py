"""Curves with confidence regions over seeds, computed as in the paper (App. E)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from simcore.common.errors import UserError
from simcore.common.intervals import CONFIDENCE

Array = NDArray[np.float64]
WINDOW = 10
"""Length of the exponential moving window: the newest value has the weight 2 / (WINDOW + 1)."""
POINTS = 128
"""Points, uniform over the x axis, at which curves are evaluated."""
RESAMPLES = 2000
"""Resamples of the bootstrap."""
HIDDEN = 5.0
"""The y axis fits the curve after its first third if the whole curve's range is this many times larger."""

Region = Literal["student", "bootstrap"]
"""How a 90 % region over runs is found."""
REGIONS: dict[Region, str] = {"student": "Student's t", "bootstrap": "a bootstrap over runs"}


class Curve(NamedTuple):
    """The mean of some runs' smoothed values, and its 90 % confidence region."""

    x: Array
    """`[128]`."""
    mean: Array
    """`[128]`."""
    low: Array | None
    """`[128]`; None for a single run, which has no region."""
    high: Array | None
    """`[128]`; None for a single run."""
    runs: int
    """The number of runs."""
    region: Region = "student"
    """How the region was found."""


def smooth(values: Array) -> Array:
    """Return the exponential moving average of window 10, started at the first value; NaNs repeat the last average."""
    alpha = 2 / (WINDOW + 1)
    result = values.copy()
    newest = np.nan
    for i, value in enumerate(values):
        if not np.isnan(value):
            newest = value if np.isnan(newest) else alpha * value + (1 - alpha) * newest
        result[i] = newest
    return result


def combine(runs: Sequence[tuple[Array, Array]], region: Region = "student") -> Curve:
    """Compute the curve of one model's runs (x, y), which may differ in length and spacing.

    The runs are smoothed and interpolated at 128 points of their common x range; then the mean and its 90 % region are
    computed. Values of y that are NaN, as where no episode ended, are left out.

    Args:
        runs: x, ascending, and y of each.
        region: from Student's t, or from percentiles of a bootstrap over runs, which is too narrow for few: of three
            normal ones it holds the mean in 59 % of the cases, of eight in 83 %.

    Raises:
        UserError: there is no run, a run has no finite value, or their x ranges do not overlap.
    """
    present = [(x[np.isfinite(y)], y[np.isfinite(y)]) for x, y in runs]
    if not present or not all(len(x) for x, _ in present):
        raise UserError("a curve needs at least one run, and each run at least one finite value")
    begin, end = max(x[0] for x, _ in present), min(x[-1] for x, _ in present)
    if begin > end:
        raise UserError(f"the runs have no x in common: one begins at {begin:g}, another ends at {end:g}")
    grid = np.linspace(begin, end, POINTS)
    values = np.stack([np.interp(grid, x, smooth(y)) for x, y in present])
    mean = values.mean(axis=0)
    if len(values) == 1:
        return Curve(grid, mean, None, None, 1)
    if region == "bootstrap":
        resampled = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
        tail = 50 * (1 - CONFIDENCE)
        low, high = np.percentile(values[resampled].mean(axis=1), (tail, 100 - tail), axis=0)
        return Curve(grid, mean, low, high, len(values), region)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values, axis=0)
    return Curve(grid, mean, mean - reach, mean + reach, len(values))


def curves_figure(
    curves: Mapping[str, Curve],
    title: str,
    y_label: str,
    x_label: str = "frames",
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """Plot curves by name, each with its region, and dashed lines at named levels of y."""
    below = 0.2 * (1 + len(curves) + len(levels or ()))  # inches of the legend, which so hides no curve
    figure = Figure(figsize=(6.4, 4.0 + below), layout="constrained")
    axes = figure.subplots()
    for i, (name, curve) in enumerate(curves.items()):
        count = f"{curve.runs} seeds" if curve.runs > 1 else "1 seed, so no region"
        marker = "o" if curve.x[0] == curve.x[-1] else None  # of a single measurement there is no line
        axes.plot(curve.x, curve.mean, color=f"C{i}", marker=marker, linewidth=1.6, label=f"{name} ({count})")
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.x, curve.low, curve.high, color=f"C{i}", alpha=0.2, linewidth=0)
    for name, level in (levels or {}).items():
        axes.axhline(level, color="0.5", linewidth=0.9, linestyle="--", label=name)
    limits = settled_range(curves.values())
    if limits is not None:
        axes.set_ylim(*limits)
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.set_title(title, fontsize=10, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    found = {REGIONS[curve.region] for curve in curves.values() if curve.low is not None}
    title_of_legend = f"Moving averages over {WINDOW} measurements"
    if found:
        title_of_legend += f", 90 % regions by {' and '.join(sorted(found))}"
    figure.legend(
        title=title_of_legend, title_fontsize=8, alignment="left", frameon=False, fontsize=8, loc="outside lower left"
    )
    return figure


def settled_range(curves: Iterable[Curve]) -> tuple[float, float] | None:
    """Return the range of y after the first third, with a margin, if the first third would hide it; else None."""
    values = np.array([(c.mean, c.mean) if c.low is None else (c.low, c.high) for c in curves], np.float64)
    settled = values[..., POINTS // 3 :]
    low, high = np.nanmin(settled), np.nanmax(settled)
    if high == low or np.nanmax(values) - np.nanmin(values) < HIDDEN * (high - low):
        return None
    margin = 0.05 * (high - low)
    return float(low - margin), float(high + margin)
