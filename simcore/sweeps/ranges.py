"""The hyper-parameter ranges that the paper searched (table 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Between:
    """The numbers between two ends, both included."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Among:
    """A finite set of numbers."""

    values: tuple[float, ...]

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return " or ".join(f"{value:g}" for value in self.values)


TABLE_2: Mapping[str, Between | Among] = {
    "learning.learning_rate": Between(1e-4, 2e-4),
    "reinforcement.entropy_cost": Between(5e-4, 3e-2),
    "learning.beta1": Between(0.0, 0.95),
    "learning.beta2": Between(0.99, 0.999),
    "simulation.overshoot": Among((1, 2, 3, 6, 12)),
    "learning.unroll_length": Between(24, 100),
    "simulation.starts": Among((6,)),
    "simulation.frames": Among((2,)),
    "convdraw.steps": Among((8,)),
    "agent.hidden_size": Between(512, 1024),
}
"""The ranges of table 2, by the field of `Config`; other fields are free."""


def beyond(field: str, value: Any) -> str | None:
    """Return a field's range, in words, if a value is outside of it; None if it is inside, or there is no range."""
    allowed = TABLE_2.get(field)
    return None if allowed is None or value in allowed else str(allowed)
