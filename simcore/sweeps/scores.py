"""The scores of a run on held-out worlds: validation worlds for selection, test worlds for the report."""

import json
import math
from pathlib import Path
from typing import NamedTuple, Self

from simcore.analysis.evaluation import Evaluation, evaluate
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.maps import has_maps
from simcore.analysis.measuring import measure
from simcore.common.atomic import write_atomically
from simcore.common.errors import UserError
from simcore.common.reading import read_json
from simcore.config.run import Config
from simcore.probes.kinds import KINDS

KNOWING = {
    "map_mse": False,
    "map_mse_seen": False,
    "map_mse_unseen": False,
    "map_mse_old": False,
    "cell_accuracy": True,
    "heading_accuracy": True,
}
"""The probes' metrics in SimCore's levels, and whether more is better."""
DOING = {"return": True, "food": True}
"""The metrics of an acting agent's episodes, and whether more is better."""
METRICS = KNOWING | DOING
SETS = ("validation", "test")

Values = dict[str, float | None]
"""Values by metric; None if there is no value, such as of food in a world without."""


def available(config: Config) -> tuple[str, ...]:
    """Return the names of the metrics that a run has."""
    acts, doing = config.policy == "agent", DOING if has_maps(config) else ("return",)
    return (*(knowing(config) if config.has_probes else ()), *(doing if acts else ()))


def knowing(config: Config) -> tuple[str, ...]:
    """Return the names of the probes' metrics of a run."""
    if has_maps(config):
        return tuple(KNOWING)
    return tuple(f"{target.name}_{KINDS[target.kind].metric}" for target in config.world.probe_targets)


def is_metric(name: str) -> bool:
    """Whether a name is that of a metric of SimCore's levels, or could be that of another world's target."""
    return name in METRICS or name.endswith(("_accuracy", "_mse"))


def more_is_better(metric: str) -> bool:
    """Whether more of a metric is better: of all metrics but errors."""
    return METRICS.get(metric, not metric.endswith("_mse"))


class Scores(NamedTuple):
    """The stored scores of a finished run."""

    update: int
    """The number of its updates."""
    worlds: int
    """The number of worlds of each set."""
    validation: Values
    test: Values
    baseline: Values
    """On the test worlds, of predictors without input: the best constant guess, and a random policy."""

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read scores from a file; None if there is no such file.

        Raises:
            UserError: the file is damaged.
        """
        try:
            scores = cls(**read_json(path))
            scores.require_types()
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{path} is damaged ({error}); delete it, and the run is measured again") from error
        return scores

    def require_types(self) -> None:
        """Raise `TypeError` if a field is not of its type, as one that was read may be."""
        sets = (self.validation, self.test, self.baseline)
        counts = all(type(count) is int for count in (self.update, self.worlds))
        if not counts or not all(isinstance(values, dict) for values in sets):
            raise TypeError("a field is of another type")
        if not all(value is None or type(value) in (int, float) for values in sets for value in values.values()):
            raise TypeError("a score is no number")

    def write(self, path: Path) -> None:
        """Write the scores to a file."""
        write_atomically(path, (json.dumps(self._asdict(), indent=1) + "\n").encode())


def take_scores(run: LoadedRun, worlds: int) -> Scores:
    """Measure a run in `worlds` validation worlds and as many test worlds; the two sets are disjoint."""
    taken: dict[str, Values] = {}
    baseline: Values = {}
    for number, name in enumerate(SETS, start=1):
        values: Values = {}
        if run.config.has_probes:
            measured = measure(run, worlds, purpose=f"{name}/", controls=())
            values |= measured["belief"].overall()
            baseline |= measured["constant"].overall()
        if run.config.policy == "agent":
            played = evaluate(run, worlds, seed=number)
            values |= _doing(played, "agent", available(run.config))
            baseline |= _doing(played, "random", available(run.config))
        taken[name] = values
    return Scores(run.update, worlds, _finite(taken["validation"]), _finite(taken["test"]), _finite(baseline))


def _doing(played: Evaluation, who: str, metrics: tuple[str, ...]) -> Values:
    intervals = played.intervals()[who]
    means = {name: None if interval is None else interval.mean for name, interval in intervals.items()}
    return {name: mean for name, mean in means.items() if name in metrics}


def _finite(values: Values) -> Values:
    """Replace values that are not finite by None, since JSON has no such numbers."""
    return {name: None if value is None or not math.isfinite(value) else value for name, value in values.items()}
