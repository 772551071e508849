"""Comparison of what runs' beliefs know, setting by setting, over seeds, each beside its own controls."""

import math
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.measuring import CONTROLS, measure
from simcore.analysis.names import PREDICTORS
from simcore.analysis.scores import ErrorByAge, Scores, age_spans, as_fraction, left
from simcore.analysis.subjects import Of
from simcore.common.errors import UserError
from simcore.common.intervals import CONFIDENCE, Interval
from simcore.common.progress import Advance, silent
from simcore.config.differences import fields_of
from simcore.config.run import Config
from simcore.config.settings import SEED, group_by_setting, label_settings, require_one_of_each_seed

Span = tuple[int, int]
"""The fewest and the most steps since a cell was in sight."""
SEEING = ("level", "world", "probes", "options")
"""The fields, or sections, that affect what the present frame alone reveals."""


class Knowledge(NamedTuple):
    """What probes read from one belief, or one control, in the held-out worlds of its seed."""

    scores: dict[str, float]
    """By column: what is left of the best constant guess's error, as a fraction, of each score `<name>_mse` of a
    picture or vector; then of the map's cells out of sight for n steps or more, `map_mse_old_<n>`; then accuracies."""
    by_age: dict[Span, float]
    """What is left of the map's error on cells by the steps since they were seen; (0, 0): in sight."""

    @classmethod
    def of(cls, scores: Scores, constant: Scores, old: Sequence[int]) -> "Knowledge":
        """Express scores as fractions of the constant guess's, with a column of the map for each n of `old`."""
        overall, errors, by_age = scores.overall(), left(scores, constant), dict[Span, float]()
        if scores.error_by_age is not None and constant.error_by_age is not None:
            length = len(constant.error_by_age.cells)
            aged = scores.error_by_age, constant.error_by_age
            by_age = {span: _left_between(*aged, *span) for span in age_spans(length)}
            errors.pop("map_mse_old", None)
            errors |= {f"map_mse_old_{steps}": _left_between(*aged, steps, length) for steps in old}
        return cls(errors | {name: overall[name] for name in scores.accuracies}, by_age)


def _left_between(error: ErrorByAge, guess: ErrorByAge, first: int, last: int) -> float:
    return as_fraction(error.map_mse(first, last), guess.map_mse(first, last))


@dataclass(frozen=True)
class Row:
    """What the beliefs of one setting know, or one control of theirs, over seeds."""

    name: str
    """The setting's label, or the control's."""
    is_control: bool
    updates: int
    """The updates of each of its runs; 0 of a control."""
    frames: int
    """The frames that they learned from."""
    known: dict[int, Knowledge]
    """By seed."""
    where: str = ""
    """The level and its world: those of a seed are the same worlds where these are."""

    def interval(self, column: str) -> Interval | None:
        """Return the mean over seeds with its 90 % interval; None where there is nothing to score."""
        return Interval.of([known.scores[column] for known in self.known.values()])

    def by_age(self, span: Span) -> Interval | None:
        """Return the same for cells by the steps since they were last seen, within the episodes' length."""
        by_first = [{first: left for (first, _), left in known.by_age.items()} for known in self.known.values()]
        return Interval.of([left[span[0]] for left in by_first if span[0] in left])

    def difference(self, other: "Row", column: str) -> Interval | None:
        """Return the mean of this row's score less the other's of the same seed, with its 90 % interval.

        Runs of one seed are measured in the same worlds, some of which are easier for all, so differences are more
        precise than both intervals suggest. None if they have no seed in common, or their worlds differ.
        """
        both = [seed for seed in self.known if seed in other.known and self.where == other.where]
        return Interval.of([self.known[seed].scores[column] - other.known[seed].scores[column] for seed in both])


@dataclass(frozen=True)
class Comparison:
    """What the beliefs of several settings know."""

    worlds: int
    """The held-out worlds of each seed."""
    rows: tuple[Row, ...]
    """Settings in the order of their first run, then controls."""
    of: Of = "hidden"
    """What the probes read."""

    @property
    def columns(self) -> list[str]:
        """The names of the scores."""
        return list(next(iter(self.rows[0].known.values())).scores)

    @property
    def spans(self) -> list[Span]:
        """The spans of steps since a cell was seen, in the longest episodes; none without a map."""
        each = [list(known.by_age) for row in self.rows for known in row.known.values()]
        return max(each, key=lambda spans: spans[-1:])

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON; the ends of an unbounded interval, and NaN, are None."""
        rows = [self._row(row) for row in self.rows]
        return {"worlds": self.worlds, "of": self.of, "confidence": CONFIDENCE, "rows": rows}

    def _row(self, row: Row) -> dict[str, Any]:
        first = self.rows[0]
        return {
            "name": row.name,
            "is_control": row.is_control,
            "updates": row.updates,
            "frames": row.frames,
            "seeds": list(row.known),
            "scores": {
                column: {
                    "values": [_number(known.scores[column]) for known in row.known.values()],
                    "interval": _or_none(row.interval(column)),
                    "less_the_first": None if row is first else _or_none(row.difference(first, column)),
                }
                for column in self.columns
            },
            "left_by_steps_since_seen": [
                {"first": span[0], "last": span[1], "interval": _or_none(row.by_age(span))} for span in self.spans
            ],
        }


def compare(
    runs: Mapping[str, LoadedRun],
    worlds: int = 256,
    old: Sequence[int] = (10,),
    controls: Collection[str] = CONTROLS,
    advance: Advance = silent,
    of: Of = "hidden",
) -> Comparison:
    """Compare what runs' beliefs know, as fresh probes read them in held-out worlds that are the same for a seed.

    Runs whose configurations differ only in the seed are samples of one setting. Settings with the same untrained
    agent in the same worlds share its row, which is measured once.

    Args:
        runs: by their names, for messages.
        worlds: the held-out worlds of each seed, one episode each.
        old: the steps n for which there is a column of cells that were seen, and then out of sight for n or more.
        controls: of `CONTROLS`, those to measure.
        advance: the progress callback.
        of: what the probes read.

    Raises:
        UserError: there are no runs, two have the same setting and seed, those of a setting are not equally long, their
            worlds have different probe targets, or one has no probes.
    """
    names, loaded = list(runs), list(runs.values())
    if not loaded:
        raise UserError("a comparison wants at least one run")
    configs = [run.config for run in loaded]
    told = {tuple(target.name for target in config.world.probe_targets) for config in configs}
    if len(told) > 1:
        raise UserError(f"these runs' worlds tell different things: {'; '.join(', '.join(each) for each in told)}")
    rows: list[Row] = []
    beside: dict[Hashable, Control] = {}
    groups = group_by_setting(configs)
    labels = label_settings([configs[places[0]] for places in groups])
    for places, setting in zip(groups, labels, strict=True):
        of_setting = sorted((loaded[place] for place in places), key=lambda run: run.config.seed)
        require_one_of_each_seed([configs[place] for place in places], [names[place] for place in places])
        require_equally_long(of_setting, setting or "these runs")
        known: dict[int, Knowledge] = {}
        for run in of_setting:
            advance("runs", (len(known) + sum(len(row.known) for row in rows)) / len(loaded))
            seed, theirs = run.config.seed, {name: (name, identity(run.config, name)) for name in controls}
            missing = [name for name, key in theirs.items() if key not in beside or seed not in beside[key].known]
            scores = measure(run, worlds, controls=missing, of=of, advance=advance)
            known[seed] = Knowledge.of(scores["belief"], scores["constant"], old)
            for name in missing:
                control = beside.setdefault(theirs[name], Control(name, run.config, {}))
                control.known[seed] = Knowledge.of(scores[name], scores["constant"], old)
        first = of_setting[0]
        rows.append(Row(setting or PREDICTORS["belief"], False, first.update, first.frames, known, where(first.config)))
    return Comparison(worlds, (*rows, *control_rows(beside.values(), controls)), of)


class Control(NamedTuple):
    """A control of one setting or more."""

    name: str
    """Of `CONTROLS`."""
    config: Config
    """Of the first run that it is compared with."""
    known: dict[int, Knowledge]
    """By seed."""


def identity(config: Config, name: str) -> tuple[tuple[str, str], ...]:
    """Return what a control depends on besides the seed: what it sees, and the nets of an untrained agent.

    If the agent acts, what is seen depends on everything it was trained with.
    """
    fields = fields_of(config)
    seeing = SEEING if name == "frame" else (*SEEING, "core", "agent", config.core)
    return tuple(
        (field, repr(value))
        for field, value in fields.items()
        if field != SEED and (config.policy == "agent" or field.split(".")[0] in seeing)
    )


def control_rows(controls: Collection[Control], names: Iterable[str]) -> Iterator[Row]:
    """Yield the rows of controls, those of one name together, labelled by the fields in which they differ."""
    for name in names:
        alike = [control for control in controls if control.name == name]
        relevant = {field for control in alike for field, _ in identity(control.config, name)}
        others = [field for control in alike for field in fields_of(control.config) if field not in relevant]
        for control, what in zip(alike, label_settings([each.config for each in alike], others), strict=True):
            known = dict(sorted(control.known.items()))
            yield Row(f"{PREDICTORS[name]}{f', {what}' if what else ''}", True, 0, 0, known, where(control.config))


def where(config: Config) -> str:
    """Return the level of a run and its world, as text."""
    return f"{config.level} {config.world!r}"


def require_equally_long(runs: Sequence[LoadedRun], which: str) -> None:
    """Raise `UserError` if runs that are compared differ in their number of updates."""
    updates = sorted({run.update for run in runs})
    if len(updates) > 1:
        counts = " and ".join(f"{count:,}" for count in updates)
        raise UserError(f"{which} have had {counts} updates; resume those that are behind")


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _or_none(interval: Interval | None) -> dict[str, float | None] | None:
    return None if interval is None else interval.to_dict()
