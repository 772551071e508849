"""The report of a sweep: each setting's scores over seeds, and the best setting of each model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from simcore.common.intervals import CONFIDENCE, Interval
from simcore.config.settings import short_name
from simcore.sweeps.plan import Plan, PlannedRun
from simcore.sweeps.scores import Scores, more_is_better
from simcore.sweeps.spec import Fields

LABELS = {
    "map_mse": "map MSE",
    "map_mse_seen": "map MSE, seen",
    "map_mse_unseen": "map MSE, unseen",
    "map_mse_old": "map MSE, out of sight",
    "cell_accuracy": "cell",
    "heading_accuracy": "heading",
    "return": "return",
    "food": "food eaten",
}
SHOWN = ("return", "food", "map_mse", "cell_accuracy", "heading_accuracy")
"""Test scores that a table shows in addition to that of the sweep's metric."""


@dataclass(frozen=True)
class Row:
    """One setting of one model, over its seeds."""

    model: str
    number: int
    """The setting's number, within the model."""
    setting: Fields
    done: tuple[tuple[PlannedRun, Scores], ...]
    """Its finished runs, with their scores."""
    failed: tuple[str, ...]
    """The names of the runs that failed."""
    missing: int
    """The number of runs that are not finished yet."""

    def interval(self, of: str, metric: str) -> Interval | None:
        """Return the mean over seeds with its interval; `of` is validation, test or baseline. None if unknown."""
        values = [getattr(scores, of).get(metric) for _, scores in self.done]
        return Interval.of([math.nan if value is None else value for value in values])

    def relative(self, metric: str) -> Interval | None:
        """Return the ratio of the test score to the baseline's, 1 if it is no better, with its interval.

        Each seed has its own worlds, of which some are easier for all; the ratio does not depend on that.
        """
        pairs = [(scores.test.get(metric), scores.baseline.get(metric)) for _, scores in self.done]
        return Interval.of([test / baseline if test is not None and baseline else math.nan for test, baseline in pairs])


@dataclass(frozen=True)
class Report:
    """All settings of a sweep, and the metric by which the best are chosen."""

    metric: str
    worlds: int
    rows: tuple[Row, ...]

    def best(self) -> dict[str, Row]:
        """Return each model's best setting: that with the best mean over seeds of the metric on validation worlds.

        Settings with the most finished seeds take precedence, so that one that does not always learn is not chosen.
        Of equal settings the first is chosen; a model without a finished run has no best setting.
        """
        sign = -1 if more_is_better(self.metric) else 1
        best: dict[str, tuple[tuple[float, float], Row]] = {}
        for row in self.rows:
            validated = row.interval("validation", self.metric)
            if validated is None:
                continue
            rank = (-len(row.done), sign * validated.mean)
            if row.model not in best or rank < best[row.model][0]:
                best[row.model] = (rank, row)
        return {model: row for model, (_, row) in best.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON; the ends of an unbounded interval are null."""
        best = self.best()
        models = list(dict.fromkeys(row.model for row in self.rows))
        return {
            "metric": self.metric,
            "more_is_better": more_is_better(self.metric),
            "worlds": self.worlds,
            "confidence": CONFIDENCE,
            "best": {model: best[model].number if model in best else None for model in models},
            "settings": [_setting(row) for row in self.rows],
        }


def make_report(plan: Plan, scores: Mapping[str, Scores | None], failed: Sequence[str]) -> Report:
    """Make a report with a row for each setting, models in the order of the file.

    Args:
        plan: of the sweep.
        scores: of each run, by its name; None if it is not finished.
        failed: the names of the runs that failed.
    """
    groups: dict[tuple[str, int], list[PlannedRun]] = {}
    for run in plan.runs:
        groups.setdefault((run.model, run.number), []).append(run)
    models = list(dict.fromkeys(run.model for run in plan.runs))
    rows = []
    for (model, number), runs in sorted(groups.items(), key=lambda item: (models.index(item[0][0]), item[0][1])):
        done = tuple((run, taken) for run in runs if (taken := scores[run.name]) is not None)
        lost = tuple(run.name for run in runs if run.name in failed and scores[run.name] is None)
        rows.append(Row(model, number, runs[0].setting, done, lost, len(runs) - len(done) - len(lost)))
    return Report(plan.metric, plan.worlds, tuple(rows))


def report_table(report: Report, title: str, is_whole: bool = False) -> Table:
    """Return the table of the best setting of each model, or of all settings, with the best marked by a star.

    Columns are the metric on validation worlds, by which settings are chosen, and on test worlds; the score there of
    the baseline, the best constant guess or a random policy; the ratio to it, if the metric is an error; then other
    scores on test worlds.
    """
    best = report.best()
    rows = report.rows if is_whole else tuple(best.values())
    others = [
        name
        for name in SHOWN
        if name != report.metric and any(row.interval("test", name) is not None for row in report.rows)
    ]
    is_error = not more_is_better(report.metric)
    table = Table(title=title, title_justify="left")
    for heading in ("model", "setting"):
        table.add_column(heading)
    left = ("left of it, 90 %",) if is_error else ()
    for heading in ("validation", "test, 90 %", "baseline", *left, *(LABELS[name] for name in others), "seeds"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.model + (" *" if is_whole and best.get(row.model) is row else ""),
            describe(row.setting),
            _mean(row.interval("validation", report.metric), report.metric),
            _with_reach(row.interval("test", report.metric), report.metric),
            _mean(row.interval("baseline", report.metric), report.metric),
            *((_with_reach(row.relative(report.metric), "part"),) if is_error else ()),
            *(_mean(row.interval("test", name), name) for name in others),
            _count(row),
        )
    return table


def describe(setting: Fields) -> str:
    """Return a setting's values with the fields' short names, such as `overshoot = 6, kappa = 0.001`."""
    return ", ".join(f"{short_name(field)} = {value}" for field, value in setting.items()) or "–"


def _setting(row: Row) -> dict[str, Any]:
    kinds = ("validation", "test", "baseline")
    names = {name: None for _, scores in row.done for kind in kinds for name in getattr(scores, kind)}
    errors = [name for name in names if not more_is_better(name)]
    return {
        "model": row.model,
        "number": row.number,
        "setting": row.setting,
        **{kind: {name: (each := row.interval(kind, name)) and each.to_dict() for name in names} for kind in kinds},
        "relative": {name: (part := row.relative(name)) and part.to_dict() for name in errors},
        "runs": {run.name: scores._asdict() for run, scores in row.done},
        "failed": list(row.failed),
        "missing": row.missing,
    }


def _write(value: float, metric: str) -> str:
    if "accuracy" in metric or metric in ("food", "part"):
        return f"{value:.1%}"
    return f"{value:.5f}" if "mse" in metric else f"{value:.2f}"


def _mean(interval: Interval | None, metric: str) -> str:
    return "–" if interval is None else _write(interval.mean, metric)


def _with_reach(interval: Interval | None, metric: str) -> str:
    """Return the mean and the half-width of its interval."""
    if interval is None or not math.isfinite(interval.high):
        return _mean(interval, metric)
    return f"{_write(interval.mean, metric)} ± {_write(interval.high - interval.mean, metric)}"


def _count(row: Row) -> str:
    """Return the number of a row's finished seeds, and of those that failed or are missing."""
    others = [f"{len(row.failed)} failed"] if row.failed else []
    others += [f"{row.missing} to come"] if row.missing else []
    return f"{len(row.done)} ({', '.join(others)})" if others else f"{len(row.done)}"
