"""Intervals of means and ratios."""

import math

import numpy as np
import pytest

from simcore.common.intervals import Interval


def test_a_ratio_to_equal_wholes_is_a_mean() -> None:
    values = [0.5, 1.0, 1.5, 3.0]
    assert Interval.of_ratio([2 * value for value in values], [2.0] * 4) == Interval.of(values)


def test_nine_of_ten_intervals_have_the_ratio_in_them() -> None:
    """Over groups of which each has a size, and parts that vary with it."""
    rng = np.random.default_rng(0)
    wholes = rng.integers(1, 20, size=(1000, 40))
    parts = rng.binomial(wholes, 0.3)
    intervals = [Interval.of_ratio(*pair) for pair in zip(parts, wholes, strict=True)]
    covered = np.mean([interval is not None and interval.low <= 0.3 <= interval.high for interval in intervals])
    assert covered == pytest.approx(0.9, abs=0.03)


def test_a_ratio_of_what_is_not_there() -> None:
    assert Interval.of_ratio([], []) is None
    assert Interval.of_ratio([0.0, 0.0], [0.0, 0.0]) is None
    assert Interval.of_ratio([1.0, math.nan], [1.0, 1.0]) is None
    assert Interval.of_ratio([1.0], [2.0]) == Interval(0.5, -math.inf, math.inf)
