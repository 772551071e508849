"""Sinks: where the metrics and pictures of a run go."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Step(NamedTuple):
    """How far a run is."""

    update: int = 0
    """Updates done."""
    frames: int = 0
    """Frames learned from, of all processes."""


BEGINNING = Step()


class Sink(Protocol):
    """What takes metrics and pictures; steps only rise."""

    def scalars(self, step: Step, values: Mapping[str, float]) -> None:
        """Take the metrics of a step by name; NaN: there was no value."""
        ...

    def pictures(self, step: Step, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Take pictures of a step, uint8 `[H, W, 3]`, by name."""
        ...


def plain_values(hyperparameters: Mapping[str, Any]) -> dict[str, int | float | str]:
    """Return hyper-parameters as what every sink can show: numbers and texts."""
    return {
        name: value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        for name, value in hyperparameters.items()
    }
