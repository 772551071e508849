"""The fields in which configurations differ, and which of them do not affect the results."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from simcore.common.errors import UserError
from simcore.config.run import Config

LENGTH = "learning.updates"
"""The length of a run: no schedule depends on it, so a short run's updates are the first ones of a longer run."""
INCIDENTAL = (
    *(
        "device",
        "threads",
        "compile",
        "graph",
        "ray_address",
        "acting.replacements",
        "acting.patience",
        "world.processes",
    ),
    *("record.metrics_every", "record.checkpoint_every", "record.checkpoints", "record.pictures_every"),
    *("record.wandb", "record.sinks"),
)
"""The device and the like of a run, and what is recorded of it: results are the same up to rounding."""
CHANGEABLE = (LENGTH, *INCIDENTAL, "executor", "acting.queue")
"""The fields that may change when a run is resumed. `executor` and `acting.queue` change the policy lag, for which
V-trace corrects, so that a run may move to a larger machine; but runs that differ in them are different settings.
`precision` changes rounding on purpose, and is fixed. The numbers of actors and worlds are fixed as well, since the
checkpoint holds the state of each."""
SHOWN = 3
"""The most differences that a message lists."""


class Difference(NamedTuple):
    """A field in which two configurations differ."""

    field: str
    """Dotted, such as `learning.updates`."""
    old: Any
    """None also if there is no such field."""
    new: Any

    def __str__(self) -> str:
        return f"{self.field} = {self.old}, not {self.new}"


def fields_of(config: Config) -> dict[str, Any]:
    """Return a configuration's values by dotted field, such as `geco.kappa`."""
    return dict(_flatten(config.to_dict(), ""))


def differences(old: Config, new: Config) -> tuple[Difference, ...]:
    """Return all fields in which two configurations differ."""
    before, after = fields_of(old), fields_of(new)
    return tuple(Difference(field, before.get(field), after.get(field)) for field in differing_fields((old, new)))


def differing_fields(configs: Sequence[Config], besides: Collection[str] = ()) -> list[str]:
    """Return the fields, except those in `besides`, in which not all configurations are equal.

    This includes fields that only some of them have, such as those of different levels.
    """
    flat = [fields_of(config) for config in configs]
    names = dict.fromkeys(field for fields in flat for field in fields)
    return [
        field
        for field in names
        if field not in besides and any(field not in fields or fields[field] != flat[0].get(field) for fields in flat)
    ]


def listed(found: Sequence[object]) -> str:
    """Return the first few items, for a message, and the number of the others."""
    rest = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(str(each) for each in found[:SHOWN]) + rest


def require_changeable(recorded: Config, asked: Config, run: object) -> None:
    """Raise `UserError` if a run cannot be resumed with another configuration.

    Args:
        recorded: the run's configuration.
        asked: the one to resume with.
        run: the run's name in messages.
    """
    fixed = [change for change in differences(recorded, asked) if change.field not in CHANGEABLE]
    if fixed:
        raise UserError(f"{run} has {listed(fixed)}; where a run goes on there may change: {', '.join(CHANGEABLE)}")


def require_same_run(recorded: Config, state: Mapping[str, Any], checkpoint: object) -> None:
    """Raise `UserError` if a checkpoint is one of another run; those of an early version cannot be checked.

    Args:
        recorded: the run's configuration.
        state: of the checkpoint, with the configuration it was trained with.
        checkpoint: its path.
    """
    if "config" not in state:
        return
    fixed = [
        change for change in differences(Config.from_dict(state["config"]), recorded) if change.field not in CHANGEABLE
    ]
    if fixed:
        raise UserError(
            f"{checkpoint} is of a run with {listed(fixed)} as in its config.json; put back the one that was changed"
        )


def _flatten(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
