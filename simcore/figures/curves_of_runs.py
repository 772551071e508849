"""Curves of recorded runs, grouped and labelled by their settings."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from matplotlib.figure import Figure

from simcore.analysis.loaded_run import age_of
from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.config.differences import LENGTH
from simcore.config.run import Config
from simcore.config.settings import group_by_setting, label_settings, require_one_of_each_seed
from simcore.figures.columns import columns_over_frames, seconds_along
from simcore.figures.curves import Array, Curve, combine, curves_figure
from simcore.figures.reaching import reaching
from simcore.runs import RunFolder, require_each_once, resolve_metric


class RecordedRun(NamedTuple):
    """A recorded run's configuration and metrics."""

    path: Path
    config: Config
    metrics: dict[str, Array]
    """By name, `[lines]`."""


def plot_curves(
    paths: Sequence[Path],
    metric: str,
    region: Literal["student", "bootstrap"] = "student",
    title: str = "",
    tell: Callable[[str], None] = lambda line: None,
    over: Literal["frames", "seconds"] = "frames",
    reach: float | None = None,
) -> Figure:
    """Plot a metric of runs over frames or seconds; runs whose configurations differ only in the seed make one curve.

    Args:
        paths: the runs' folders.
        metric: its name, or one that `resolve_metric` takes.
        region: as for `combine`.
        title: the figure's; by default the metric's name.
        tell: is called with a line for each curve, which names its runs.
        over: the x axis: frames, or seconds of computing, see `seconds_along`.
        reach: a level of the metric; it is drawn, and `tell` gets after how much each curve's runs reach it.

    Raises:
        UserError: there is no run, a folder is not a run's, a run has no such metric, two are the same or copies, or
            the level is not finite.
    """
    require(reach is None or math.isfinite(reach), f"--reach is {reach}; it must be a finite number")
    runs = read_runs(paths)
    name = resolve_metric(metric, dict.fromkeys(name for run in runs for name in run.metrics))
    for run in runs:
        if name not in run.metrics:
            raise UserError(f"{run.path} has no metric {name!r}; it has: {', '.join(run.metrics)}")
    along = {run.path: x_axis(run, over) for run in runs}
    curves: dict[str, Curve] = {}
    for label, of_setting in by_setting(runs).items():
        require_one_of_each_seed([run.config for run in of_setting], [run.path for run in of_setting])
        points = [(along[run.path], run.metrics[name]) for run in of_setting]
        curves[label] = combine(points, region)
        longest = max(along[run.path][-1] for run in of_setting)
        tell(f"{label}: {described(of_setting, curves[label], longest, over)}")
        if reach is not None:
            tell(f"{label}: {name} {reaching(points, reach, over)} (moving average)")
    levels = {} if reach is None else {f"{reach:g}": reach}
    return curves_figure(curves, title or name, name, over, levels)


def x_axis(run: RecordedRun, over: Literal["frames", "seconds"]) -> Array:
    """Return the x values of a run's metrics, `[lines]`.

    Raises:
        UserError: they were not recorded.
    """
    if over == "frames":
        return run.metrics["frames"]
    try:
        return seconds_along(run.metrics, run.config.executor == "serial")
    except UserError as error:
        raise UserError(f"{run.path}: {error}") from error


def read_runs(paths: Sequence[Path]) -> list[RecordedRun]:
    """Read runs' configurations and metrics.

    Raises:
        UserError: there is none, or a folder is not a run's, or is given twice.
    """
    if not paths:
        raise UserError("curves want at least one run's folder, for instance: simcore train Food --preset tiny")
    require_each_once(paths)
    runs = []
    for path in paths:
        folder = RunFolder.open(path)
        runs.append(RecordedRun(path, Config.from_dict(folder.config), columns_over_frames(folder.metrics)))
    return runs


def by_setting(runs: Sequence[RecordedRun]) -> dict[str, list[RecordedRun]]:
    """Return the runs of each setting by its label. Runs that differ only in length have the same setting."""
    groups = group_by_setting([run.config for run in runs], besides=[LENGTH])
    firsts = [runs[places[0]].config for places in groups]
    labels = label_settings(firsts, besides=[LENGTH])
    usual = f"{firsts[0].level}, {firsts[0].preset}"
    return {label or usual: [runs[place] for place in places] for label, places in zip(labels, groups, strict=True)}


def described(runs: Sequence[RecordedRun], curve: Curve, longest: float, over: str) -> str:
    """Return a text with a curve's runs, and with its end if some run is longer: `longest`, along the x axis."""
    seeds = ", ".join(f"{run.path} (seed {run.config.seed}{_unfinished(run)})" for run in runs)
    if longest > curve.x[-1]:
        unit = over.removesuffix("s")
        return f"{seeds}; up to {unit} {curve.x[-1]:,.0f}, where the shortest ends, not to {longest:,.0f}"
    return seeds


def _unfinished(run: RecordedRun) -> str:
    """Return how far a run is, by its metrics; nothing if it is finished."""
    done, total = run.metrics["update"][-1], run.config.learning.updates
    return f", {age_of(int(done), total)}" if done < total else ""
