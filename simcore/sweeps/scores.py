"""The scores of a run on worlds that it was not trained in: by validation worlds it is chosen, by test worlds told."""

import json
import math
from pathlib import Path
from typing import NamedTuple, Self

from simcore.analysis.evaluation import MEASURES, Evaluation, evaluate
from simcore.analysis.loading import LoadedRun
from simcore.analysis.measuring import measure
from simcore.common.atomic import write_atomically
from simcore.common.errors import UserError
from simcore.config.run import Config

KNOWING = {
    "map_mse": False,
    "map_mse_seen": False,
    "map_mse_unseen": False,
    "map_mse_old": False,
    "cell_accuracy": True,
    "heading_accuracy": True,
}
"""What the probes tell of a belief, and whether more is better."""
DOING = {"return": True, "food": True}
"""What episodes tell of an agent that acts, and whether more is better."""
METRICS = KNOWING | DOING
SETS = ("validation", "test")

Values = dict[str, float | None]
"""Numbers by name; None where there is none, as of food in a world without."""


def available(config: Config) -> tuple[str, ...]:
    """Return the metrics that a run has."""
    return (*(KNOWING if config.has_probes else ()), *(DOING if config.policy == "agent" else ()))


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
            values |= _doing(played, "agent")
            baseline |= _doing(played, "random")
        taken[name] = values
    return Scores(run.update, worlds, _finite(taken["validation"]), _finite(taken["test"]), _finite(baseline))


def _doing(played: Evaluation, who: str) -> Values:
    by_label = {MEASURES[name].split()[0]: interval for name, interval in played.intervals()[who].items()}
    return {name: interval.mean if (interval := by_label[name]) else None for name in DOING}


def _finite(values: Values) -> Values:
    """JSON has no word for what is not finite."""
    return {name: None if value is None or not math.isfinite(value) else value for name, value in values.items()}
