"""The card of an exported run: what it is, how it was trained, and how well it does in worlds it was not trained in."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

import cattrs

from simcore.common.checks import require_fields
from simcore.common.intervals import Interval
from simcore.common.parsing import parse_json

Means = dict[str, dict[str, Interval]]
"""Means with their 90 % intervals, by the name of a score and by whose it is, such as `cell_accuracy` of the
"frame"."""


@dataclass(frozen=True)
class BeliefScores:
    """What probes read from a belief in held-out worlds, beside the controls."""

    worlds: int
    """The number of these worlds, one episode each."""
    read_by: dict[str, str]
    """The probes that read the "belief", and the controls as far as they were measured."""
    left: Means
    """What is left of the error of the best constant guess, by the error's name."""
    accuracy: Means
    """How often the most likely class is the true one, also of the "constant" guess."""
    constant: dict[str, float]
    """The error of the constant guess, by its name: `left` is a fraction of it."""


@dataclass(frozen=True)
class ActingScores:
    """Whole episodes in held-out worlds, of the "agent" and of a "random" policy."""

    episodes: int
    """The number of episodes of each."""
    measures: Means
    """Return, the level's episode metrics, and length."""


@dataclass(frozen=True)
class Card:
    """What an exported file says about its run.

    Raises:
        UserError: a field is of another type, or a text has letters that cannot be printed.
    """

    title: str
    level: str
    core: str
    frame_model: str
    preset: str
    seed: int
    updates: int
    """Updates that the weights have had."""
    planned: int
    """Updates that the run is to have."""
    frames: int
    """Frames that they have learned from."""
    command: str | None = None
    """The command that trains such a run; None: its preset is not at hand, or it is too long."""
    version: str | None = None
    """The version of SimCore with which the run began; None: it was not recorded, as in early versions."""
    commit: str | None = None
    """The commit of its sources, with "-dirty" if they were changed; None: they were no git checkout."""
    licence: str | None = None
    """The licence of the weights, if somebody gave them one."""
    belief: BeliefScores | None = None
    """None: not measured, or there is nothing to read."""
    acting: ActingScores | None = None
    """None: not measured, or the walker acts."""

    def __post_init__(self) -> None:
        require_fields("card.", self)

    @property
    def training(self) -> dict[str, str]:
        """What the card says about the training, by display name, for tables."""
        updates = f"{self.updates:,}" if self.updates >= self.planned else f"{self.updates:,} of {self.planned:,}"
        told = {
            "level": self.level,
            "core": f"{self.core}, frame model {self.frame_model}, preset {self.preset}",
            "trained": f"{self.frames:,} frames, {updates} updates, seed {self.seed}",
            "command": self.command,
            "SimCore": ", commit ".join(each for each in (self.version, self.commit) if each),
            "licence": self.licence,
        }
        return {name: text or "not recorded" for name, text in told.items()}

    def to_json(self) -> str:
        """Return the card as `from_json` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a card; fields that this version does not know are left out.

        Raises:
            ValueError: it is none.
        """
        told = parse_json(text)
        if not isinstance(told, dict):
            raise ValueError("a card is an object")
        try:
            return _converter.structure(told, cls)
        except cattrs.BaseValidationError as error:
            raise ValueError("; ".join(cattrs.transform_error(error, path="card"))) from error


def _number(value: Any, kind: type) -> Any:
    """Return a number, which cattrs alone would also make of a text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return kind(value)


_converter = cattrs.Converter()
for _kind in (int, float):
    _converter.register_structure_hook(_kind, _number)
_converter.register_structure_hook(str, lambda value, _: value)  # the dataclass checks it
