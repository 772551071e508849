"""What a setting takes to come to a level, against curves whose crossing is known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from simcore.figures.curves import smooth
from simcore.figures.reaching import first_reached, reaching

Array = NDArray[np.float64]


def line(slope: float, length: int = 400) -> tuple[Array, Array]:
    """A run whose values rise by `slope` from each point, 10 apart, to the next."""
    return 10.0 * np.arange(length), slope * np.arange(length)


def test_it_is_where_the_smoothed_line_crosses_the_level() -> None:
    """A line's moving average runs 4.5 points behind it, by and by."""
    x, y = line(0.5)
    assert first_reached(x, y, 100.0) == pytest.approx(10 * (200 + 4.5))
    assert np.interp(first_reached(x, y, 3.21), x, smooth(y)) == pytest.approx(3.21)


def test_a_falling_metric_comes_to_a_level_from_above() -> None:
    x, y = line(0.5)
    assert first_reached(x, -y, -100.0) == first_reached(x, y, 100.0)


def test_the_first_time_counts_also_if_it_is_lost_again() -> None:
    x = np.arange(300.0)
    y = np.sin(x / 30)
    found = first_reached(x, y, 0.5)
    assert found < 30 * np.pi / 2 + 5
    assert np.interp(found, x, smooth(y)) == pytest.approx(0.5)


def test_a_level_may_be_reached_at_once_or_never_and_holes_are_left_out() -> None:
    x, y = line(1.0)
    assert first_reached(x, y, 0.0) == 0
    assert np.isnan(first_reached(x, y, 400.0))
    assert np.isnan(first_reached(x, np.full(400, np.nan), 0.0))
    holes = y.copy()
    holes[::3] = np.nan
    kept = np.isfinite(holes)
    assert first_reached(x, holes, 50.0) == first_reached(x[kept], y[kept], 50.0)


def test_seeds_are_told_by_mean_and_interval_and_one_by_one_if_some_do_not_come_to_it() -> None:
    runs = [line(0.5), line(0.6), line(0.7)]
    places = [first_reached(*run, 100.0) for run in runs]
    low, high = stats.t.interval(0.9, 2, loc=np.mean(places), scale=stats.sem(places))
    assert reaching(runs, 100.0, "frames") == f"100 after {np.mean(places):,.0f} ± {(high - low) / 2:,.0f} frames"
    flat = line(0.0)
    either = " and ".join(f"{place:,.0f}" for place in places[:2])
    assert reaching([*runs[:2], flat], 100.0, "seconds") == f"100 after {either} seconds, 2 of 3 runs"
    assert reaching(runs[:1], 100.0, "frames") == f"100 after {places[0]:,.0f} frames"
    assert reaching([flat, flat], 100.0, "frames") == "100 not reached in 3,990 frames"
    assert reaching([flat, flat], -1.0, "frames") == "-1 not reached from above in 3,990 frames"
