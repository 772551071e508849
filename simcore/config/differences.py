"""In which fields configurations differ, and which fields are not part of what a run is about."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from simcore.common.errors import UserError
from simcore.config.run import Config

LENGTH = "learning.updates"
"""How long a run is: no schedule depends on it, so the updates of a short run are the first ones of a long run."""
INCIDENTAL = (
    *("device", "threads", "compile", "graph", "ray_address", "acting.replacements"),
    *("record.metrics_every", "record.checkpoint_every", "record.checkpoints"),
)
"""On what a run is computed, and what is written down of it: what is learned is the same but for rounding."""
CHANGEABLE = (LENGTH, *INCIDENTAL, "executor", "acting.queue")
"""What may change where a run goes on. `executor` and `acting.queue` change how far the acting weights lag behind, for
which V-trace corrects, so a run may move to a larger machine; but two runs that differ in them are two settings.
`precision` is neither: it rounds on purpose, which is what one compares, so a run has one. Numbers of actors and worlds
may not change either: the state of each is in the checkpoint."""
SHOWN = 3
"""Differences that a message lists at most."""


class Difference(NamedTuple):
    """A field in which two configurations differ."""

    field: str
    """Dotted, as `learning.updates`."""
    old: Any
    """None also where there is no such field."""
    new: Any

    def __str__(self) -> str:
        return f"{self.field} = {self.old}, not {self.new}"


def fields_of(config: Config) -> dict[str, Any]:
    """Return a configuration's values by dotted field, as `geco.kappa`."""
    return dict(_flatten(config.to_dict(), ""))


def differences(old: Config, new: Config) -> tuple[Difference, ...]:
    """Return all fields in which two configurations differ."""
    before, after = fields_of(old), fields_of(new)
    return tuple(Difference(field, before.get(field), after.get(field)) for field in differing_fields((old, new)))


def differing_fields(configs: Sequence[Config], besides: Collection[str] = ()) -> list[str]:
    """Return the fields in which some configurations are not all alike, other than those in `besides`.

    A field that only some of them have, as where their levels have different ones, is such a field.
    """
    flat = [fields_of(config) for config in configs]
    names = dict.fromkeys(field for fields in flat for field in fields)
    return [
        field
        for field in names
        if field not in besides and any(field not in fields or fields[field] != flat[0].get(field) for fields in flat)
    ]


def listed(found: Sequence[object]) -> str:
    """Return the first few of what was found, for a message, and how many more there are."""
    rest = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(str(each) for each in found[:SHOWN]) + rest


def require_changeable(recorded: Config, asked: Config, run: object) -> None:
    """Raise `UserError` if a run cannot go on with the configuration that is asked for.

    Args:
        recorded: the run's.
        asked: with which it is to go on.
        run: what the run is called in messages.
    """
    fixed = [change for change in differences(recorded, asked) if change.field not in CHANGEABLE]
    if fixed:
        raise UserError(f"{run} has {listed(fixed)}; where a run goes on there may change: {', '.join(CHANGEABLE)}")


def _flatten(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
