"""The distributions from which a sweep samples the values of a field."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simcore.common.checks import require

DIGITS = 4
"""Significant digits of sampled numbers, so that tables can show them in full."""


@dataclass(frozen=True)
class Span:
    """Numbers between two ends, both included, distributed uniformly or log-uniformly."""

    low: float
    high: float
    log: bool
    whole: bool
    """Whether only whole numbers are sampled."""

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The two ends."""
        return self.low, self.high

    def at(self, u: float) -> Any:
        """Return the value at a quantile, in [0, 1)."""
        if self.whole and not self.log:
            return int(self.low) + int(u * (int(self.high) - int(self.low) + 1))
        value = self.low * (self.high / self.low) ** u if self.log else self.low + u * (self.high - self.low)
        value = round(value) if self.whole else float(f"{value:.{DIGITS}g}")
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """One of some values, distributed uniformly."""

    values: tuple[Any, ...]

    @property
    def extremes(self) -> tuple[Any, ...]:
        """All values."""
        return self.values

    def at(self, u: float) -> Any:
        """Return the value at a quantile, in [0, 1)."""
        return self.values[int(u * len(self.values))]


def parse_draw(field: str, said: object, default: object) -> Span | Choice:
    """Parse `{ low = .., high = .., log = true }` or `{ choices = [..] }`.

    Args:
        field: its dotted name, for messages.
        said: the field's value in the file.
        default: the field's value in the preset; if it is an int, whole numbers are sampled.

    Raises:
        UserError: it is neither, or its ends are not a range.
    """
    forms = "{ low = .., high = .., log = true or false } or { choices = [..] }"
    require(isinstance(said, Mapping), f"[draw] {field} must be {forms}, not {said!r}")
    assert isinstance(said, Mapping)
    if set(said) == {"choices"}:
        choices = said["choices"]
        require(isinstance(choices, list) and len(choices) > 0, f"[draw] {field}: choices must be a list of values")
        return Choice(tuple(choices))
    require({"low", "high"} <= set(said) <= {"low", "high", "log"}, f"[draw] {field} must be {forms}, not {dict(said)}")
    low, high, log = said["low"], said["high"], said.get("log", False)
    require(isinstance(log, bool), f"[draw] {field}: log must be true or false, not {log!r}")
    for end in (low, high):
        is_number = isinstance(end, int | float) and not isinstance(end, bool) and math.isfinite(end)
        require(is_number, f"[draw] {field}: {end!r} is no number")
    require(low < high, f"[draw] {field}: low must be below high, not {low} and {high}")
    require(not log or low > 0, f"[draw] {field}: with log = true low must be above 0, not {low}")
    whole = isinstance(low if default is None else default, int)
    require(
        not whole or (isinstance(low, int) and isinstance(high, int)),
        f"[draw] {field} takes whole numbers alone, not {low} and {high}",
    )
    return Span(low, high, log, whole)
