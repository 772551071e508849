"""Frames or seconds a setting needs to reach a level of a metric (data efficiency)."""

from collections.abc import Sequence

import numpy as np

from simcore.common.intervals import Interval
from simcore.figures.curves import Array, smooth


def begins_above(y: Array, level: float) -> bool:
    """Return whether the first of a run's values `[N]` that is not NaN lies above a level."""
    present = y[np.isfinite(y)]
    return bool(len(present) and present[0] > level)


def first_reached(x: Array, y: Array, level: float) -> float:
    """Return the x at which a run's smoothed values first reach a level, from the side where they begin.

    Args:
        x: ascending, `[N]`.
        y: values that are NaN are left out, `[N]`.
        level: the level.

    Returns:
        x, interpolated between values; the first x if the first value is the level; NaN if it is never reached.
    """
    present = np.isfinite(y)
    x, values = x[present], smooth(y[present]) - level
    if not len(values):
        return float("nan")
    if begins_above(y, level):
        values = -values
    reached = np.flatnonzero(values >= 0)
    if not len(reached):
        return float("nan")
    after = int(reached[0])
    if after == 0:
        return float(x[0])
    before = after - 1
    part = values[before] / (values[before] - values[after])
    return float(x[before] + part * (x[after] - x[before]))


def reaching(runs: Sequence[tuple[Array, Array]], level: float, unit: str) -> str:
    """Say in words after how much the runs (x, y) of one setting reach a level.

    This is the mean with its 90 % interval, by Student's t, if all of several runs reach it; else each run by itself.

    Args:
        runs: x, ascending, and y of each.
        level: the level.
        unit: of x, such as "frames".
    """
    places = np.array([first_reached(x, y, level) for x, y in runs])
    there = places[np.isfinite(places)]
    interval = Interval.of(places.tolist())  # None if some run does not reach it
    if interval is not None and len(runs) > 1:
        return f"{level:g} after {interval.mean:,.0f} ± {interval.high - interval.mean:,.0f} {unit}"
    if not len(there):
        longest = max(float(x[-1]) for x, _ in runs)
        side = " from above" if all(begins_above(y, level) for _, y in runs) else ""
        return f"{level:g} not reached{side} in {longest:,.0f} {unit}"
    each = " and ".join(f"{place:,.0f}" for place in there)
    return f"{level:g} after {each} {unit}" + (f", {len(there)} of {len(runs)} runs" if len(runs) > 1 else "")
