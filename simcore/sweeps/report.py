"""What a sweep comes to: each setting's scores over seeds, and the best setting of each model."""

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
"""Test scores that a table shows beside that of the sweep's metric."""


@dataclass(frozen=True)
class Row:
    """One setting of one model, over its seeds."""

    model: str
    number: int
    """The setting's, within the model."""
    setting: Fields
    done: tuple[tuple[PlannedRun, Scores], ...]
    """Its finished runs."""
    failed: tuple[str, ...]
    """The names of those that failed."""
    missing: int
    """How many are not finished yet."""

    def interval(self, of: str, metric: str) -> Interval | None:
        """Return the mean over seeds with its interval; `of` is validation, test or baseline. None where unknown."""
        values = [getattr(scores, of).get(metric) for _, scores in self.done]
        return Interval.of([math.nan if value is None else value for value in values])

    def relative(self, metric: str) -> Interval | None:
        """Return how the test score compares with the baseline's, 1 where it is no better, with its interval.

        Each seed has worlds of its own, in some of which all do better; this interval is free of that.
        """
        pairs = [(scores.test.get(metric), scores.baseline.get(metric)) for _, scores in self.done]
        return Interval.of([test / baseline if test is not None and baseline else math.nan for test, baseline in pairs])


@dataclass(frozen=True)
class Report:
    """All settings, and by which metric the best are chosen."""

    metric: str
    worlds: int
    rows: tuple[Row, ...]

    def best(self) -> dict[str, Row]:
        """Return each model's best setting: that of the best mean over seeds of the metric on validation worlds.

        A setting of which a seed is missing or failed, as where it does not always learn, is passed over if
        another has more of them. Of equals the first is taken; a model without a finished run has no best setting.
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
        """Return everything, for JSON: an interval's ends are null where it is unbounded."""
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
    """Gather the runs of a sweep into a row for each setting, models in the order of the file.

    Args:
        plan: of the sweep.
        scores: of each run, by its name; None where it is not finished.
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

    Columns are the metric on validation worlds, by which is chosen; the same on test worlds; what looks at nothing
    scores there, which is the best constant guess, or a policy that acts at random; of an error, how much of that is
    left; then other scores on test worlds.
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
    """Return what varies in a setting, with the fields' short names, as `overshoot = 6, kappa = 0.001`."""
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
    """Return the mean and how far its interval reaches to both sides."""
    if interval is None or not math.isfinite(interval.high):
        return _mean(interval, metric)
    return f"{_write(interval.mean, metric)} ± {_write(interval.high - interval.mean, metric)}"


def _count(row: Row) -> str:
    """Return how many seeds a row has, and what has become of the others."""
    others = [f"{len(row.failed)} failed"] if row.failed else []
    others += [f"{row.missing} to come"] if row.missing else []
    return f"{len(row.done)} ({', '.join(others)})" if others else f"{len(row.done)}"
