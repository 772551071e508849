"""Sinks: where the metrics and pictures of a run go."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from simcore.common.registry import Registry


class Step(NamedTuple):
    """How far a run is."""

    update: int = 0
    """Updates done."""
    frames: int = 0
    """Frames learned from, of all processes."""


BEGINNING = Step()


@runtime_checkable
class Sink(Protocol):
    """The interface of what receives metrics and pictures; steps only rise, except when a run is resumed.

    One of a user's own, named as `module:Name`, is a class with these methods, and with `close` if it has something to
    close. It receives those of the keywords `folder` (the run's, a `Path`), `resume_at` (a `Step`) and
    `hyperparameters` (by name) that it names.
    """

    def scalars(self, step: Step, values: Mapping[str, float]) -> None:
        """Take the metrics of a step by name; NaN: there was no value."""
        ...

    def pictures(self, step: Step, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Take pictures of a step, uint8 `[H, W, 3]`, by name."""
        ...


sinks: Registry[type[Sink]] = Registry("sink", Sink)
"""Sinks of users."""


def plain_values(hyperparameters: Mapping[str, Any]) -> dict[str, int | float | str]:
    """Return hyper-parameters as what every sink can show: numbers and texts."""
    return {
        name: value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        for name, value in hyperparameters.items()
    }
