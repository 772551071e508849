"""The ranges that the paper searched (table 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Between:
    """Numbers from one to another, both included."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Among:
    """A few numbers."""

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
"""What table 2 allows, by the field of `Config`; fields that it does not name are free."""


def beyond(field: str, value: Any) -> str | None:
    """Return the range that a value lies outside of, in words; None where it lies inside, or there is no range."""
    allowed = TABLE_2.get(field)
    return None if allowed is None or value in allowed else str(allowed)
