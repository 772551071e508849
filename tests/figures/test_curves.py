"""App. E's curves against pandas and SciPy."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from simcore.cli import main
from simcore.common.errors import UserError
from simcore.figures import combine
from simcore.figures.curves import curves_figure, settled_range, smooth
from simcore.runs import RunFolder
from simcore.training.loop import train
from tinier import tinier_acting

Array = NDArray[np.float64]


def make_runs(count: int, seed: int = 0) -> list[tuple[Array, Array]]:
    """Runs of unequal length, spacing and range."""
    random = np.random.default_rng(seed)
    runs = []
    for run in range(count):
        x = np.sort(random.uniform(run, 1000 + 50 * run, size=60 + 17 * run))
        runs.append((x, np.sin(x / 200) + random.normal(size=len(x))))
    return runs


def test_smoothing_is_that_of_pandas() -> None:
    values = np.random.default_rng(0).normal(size=200)
    expected = pd.Series(values).ewm(span=10, adjust=False).mean().to_numpy()
    np.testing.assert_allclose(smooth(values), expected)


def test_smoothing_with_holes_is_that_of_pandas() -> None:
    values = np.random.default_rng(1).normal(size=200)
    values[[0, 1, 5, 6, 7, 199]] = np.nan
    expected = pd.Series(values).ewm(span=10, adjust=False, ignore_na=True).mean().to_numpy()
    np.testing.assert_allclose(smooth(values), expected)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_mean_and_region_are_those_of_scipy(count: int) -> None:
    runs = make_runs(count)
    curve = combine(runs)
    begin, end = max(x[0] for x, _ in runs), min(x[-1] for x, _ in runs)
    np.testing.assert_allclose(curve.x, begin + (end - begin) * np.arange(128) / 127)
    columns = np.stack(
        [np.interp(curve.x, x, pd.Series(y).ewm(alpha=2 / 11, adjust=False).mean().to_numpy()) for x, y in runs]
    )
    assert curve.low is not None
    assert curve.high is not None
    for point in (0, 5, 64, 127):
        values = columns[:, point]
        low, high = stats.t.interval(0.9, count - 1, loc=values.mean(), scale=stats.sem(values))
        assert (curve.mean[point], curve.low[point], curve.high[point]) == pytest.approx((values.mean(), low, high))


def test_a_bootstrap_is_close_to_scipys() -> None:
    runs = make_runs(8)
    curve = combine(runs, region="bootstrap")
    assert curve.low is not None
    assert curve.high is not None
    point = 64
    values = np.array([np.interp(curve.x[point], x, smooth(y)) for x, y in runs])
    expected = stats.bootstrap(
        (values,), np.mean, confidence_level=0.9, method="percentile", n_resamples=9999, rng=np.random.default_rng(1)
    ).confidence_interval
    spread = expected.high - expected.low
    assert curve.low[point] == pytest.approx(expected.low, abs=0.1 * spread)
    assert curve.high[point] == pytest.approx(expected.high, abs=0.1 * spread)


def test_one_run_has_no_region() -> None:
    curve = combine(make_runs(1))
    assert curve.runs == 1
    assert curve.low is None
    assert curve.high is None
    assert np.isfinite(curve.mean).all()


def test_holes_are_left_out() -> None:
    (x, y), other = make_runs(2)
    holes = y.copy()
    holes[::7] = np.nan
    kept = np.isfinite(holes)
    np.testing.assert_array_equal(combine([(x, holes), other]).mean, combine([(x[kept], y[kept]), other]).mean)


def test_what_makes_no_curve_is_refused() -> None:
    x = np.arange(5.0)
    with pytest.raises(UserError, match="at least one run"):
        combine([])
    with pytest.raises(UserError, match="at least one finite value"):
        combine([(x, np.full(5, np.nan))])
    with pytest.raises(UserError, match="no x in common: one begins at 10, another ends at 4"):
        combine([(x, x), (x + 10, x)])


def test_the_command_draws_runs_by_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for seed, frame_model in ((0, "none"), (1, "none"), (0, "convdraw")):
        config = tinier_acting(seed=seed, frame_model=frame_model, learning__updates=4)
        folder = RunFolder.create(tmp_path / f"{frame_model}-{seed}", config.to_dict())
        train(config, folder)
        paths.append(str(folder.path))
    main(["figure", "curves", *paths, "--metric", "entropy", "--out", str(tmp_path / "entropy")])
    assert (tmp_path / "entropy.pdf").stat().st_size > 1000
    with Image.open(tmp_path / "entropy.png") as picture:
        assert picture.size[0] > 1000
    for arguments, complaint in (
        ([*paths, "--metric", "fun"], "there is no metric 'fun'; there are: update, frames"),
        ([str(tmp_path / "gone")], "there is no run folder"),
        ([*paths, "--reach", "nan"], "--reach is nan; it must be a finite number"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(["figure", "curves", *arguments])
        assert stop.value.code == 2
        assert complaint in capsys.readouterr().err


def test_a_beginning_that_would_hide_the_rest_is_cut_off() -> None:
    x = np.linspace(0, 1, 400)
    falling = combine([(x, 0.01 + 10 * np.exp(-40 * x)), (x, 0.012 + 10 * np.exp(-40 * x))])
    rising = combine([(x, x)])
    limits = settled_range([falling])
    assert limits is not None
    assert 0 < limits[0] < 0.011
    assert 0.011 < limits[1] < 0.1
    assert curves_figure({"falling": falling}, "", "").axes[0].get_ylim() == limits
    for whole in ([rising], [combine([(x, np.ones_like(x))])]):
        assert settled_range(whole) is None
