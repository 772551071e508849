"""The plan of a sweep: all its runs, determined by its file alone."""

from dataclasses import dataclass
from typing import Any

from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.sweeps.fields import configure
from simcore.sweeps.scores import available
from simcore.sweeps.spec import Fields, Spec


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep."""

    name: str
    """The name of its folder."""
    model: str
    number: int
    """The setting's number, within the model."""
    setting: Fields
    """The varied values, by dotted field."""
    config: Config


@dataclass(frozen=True)
class Plan:
    """All runs of a sweep, in the order in which they are started."""

    metric: str
    worlds: int
    runs: tuple[PlannedRun, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the plan for JSON."""
        return {
            "metric": self.metric,
            "worlds": self.worlds,
            "runs": [
                {
                    "name": run.name,
                    "model": run.model,
                    "setting": run.setting,
                    "seed": run.config.seed,
                    "config": run.config.to_dict(),
                }
                for run in self.runs
            ],
        }


def make_plan(spec: Spec) -> Plan:
    """Make the runs of a sweep, seed by seed, so that an interrupted sweep can compare all models.

    Raises:
        UserError: a setting is not a valid configuration, or does not have the sweep's metric.
    """
    base = preset(spec.preset, spec.level).to_dict()
    runs: list[PlannedRun] = []
    for seed in spec.seeds:
        for model in spec.models:
            for number, setting in enumerate(model.settings(spec.samples)):
                name = f"{model.folder_name}-setting{number}-seed{seed}"
                try:
                    config = configure(base, model.fixed | setting | {"seed": seed})
                except UserError as error:
                    values = ", ".join(f"{field} = {value}" for field, value in setting.items())
                    raise UserError(f"{model.name}{f' with {values}' if values else ''}: {error}") from error
                require(
                    spec.metric in available(config),
                    f"{model.name} has no {spec.metric} to choose by; it has: {', '.join(available(config))}",
                )
                runs.append(PlannedRun(name, model.name, number, setting, config))
    return Plan(spec.metric, spec.worlds, tuple(runs))
