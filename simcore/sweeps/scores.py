"""The scores of a run on worlds that it was not trained in: by validation worlds it is chosen, by test worlds told."""

import json
import math
from pathlib import Path
from typing import NamedTuple, Self

from simcore.analysis.evaluation import Evaluation, evaluate
from simcore.analysis.loading import LoadedRun
from simcore.analysis.maps import has_maps
from simcore.analysis.measuring import measure
from simcore.common.atomic import write_atomically
from simcore.common.errors import UserError
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
"""What the probes tell of a belief in our levels, and whether more is better."""
DOING = {"return": True, "food": True}
"""What episodes tell of an agent that acts in them, and whether more is better."""
METRICS = KNOWING | DOING
SETS = ("validation", "test")

Values = dict[str, float | None]
"""Numbers by name; None where there is none, as of food in a world without."""


def available(config: Config) -> tuple[str, ...]:
    """Return the metrics that a run has."""
    acts, doing = config.policy == "agent", DOING if has_maps(config) else ("return",)
    return (*(knowing(config) if config.has_probes else ()), *(doing if acts else ()))


def knowing(config: Config) -> tuple[str, ...]:
    """Return what the probes of a run tell of its belief."""
    if has_maps(config):
        return tuple(KNOWING)
    return tuple(f"{target.name}_{KINDS[target.kind].metric}" for target in config.world.probe_targets)


def is_metric(name: str) -> bool:
    """Whether there can be a metric of that name: one of our levels', or that of a target of another world."""
    return name in METRICS or name.endswith(("_accuracy", "_mse"))


def more_is_better(metric: str) -> bool:
    """Whether more of a metric is better: of all but errors."""
    return METRICS.get(metric, not metric.endswith("_mse"))


class Scores(NamedTuple):
    """What is kept of a finished run."""

    update: int
    """The updates that it had done."""
    worlds: int
    """Worlds of each set."""
    validation: Values
    test: Values
    baseline: Values
    """On the test worlds, what looks at nothing: the best constant guess, and a policy that acts at random."""

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return the scores in a file; None where there is no such file.

        Raises:
            UserError: it is damaged.
        """
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise UserError(f"{path} is damaged ({error}); delete it, and the run is measured again") from error

    def write(self, path: Path) -> None:
        """Write them to a file."""
        write_atomically(path, (json.dumps(self._asdict(), indent=1) + "\n").encode())


def take_scores(run: LoadedRun, worlds: int) -> Scores:
    """Measure a run in `worlds` validation worlds and as many test worlds, which have none in common."""
    taken: dict[str, Values] = {}
    baseline: Values = {}
    for number, name in enumerate(SETS, start=1):
        values: Values = {}
        if run.config.has_probes:
            measured = measure(run, worlds, purpose=f"{name}/", controls=False)
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
    """JSON has no word for what is not finite."""
    return {name: None if value is None or not math.isfinite(value) else value for name, value in values.items()}
