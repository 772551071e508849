"""Means with the interval in which they lie (App. E)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

CONFIDENCE = 0.9


@dataclass(frozen=True)
class Interval:
    """A mean over episodes, and where it lies with a confidence of 90 % by Student's t (App. E)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval | None":
        """Return the interval of the mean of values; None where one is missing, unbounded where there is only one."""
        from scipy import stats  # of the extra `figures`: who acts with a belief wants no intervals

        numbers = np.array(values, np.float64)
        if not len(numbers) or np.isnan(numbers).any():
            return None
        mean = float(numbers.mean())
        error = float(stats.sem(numbers)) if len(numbers) > 1 else np.inf
        if error == 0:
            return cls(mean, mean, mean)
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, max(len(numbers) - 1, 1))) * error
        return cls(mean, mean - reach, mean + reach)

    def to_dict(self) -> dict[str, float | None]:
        """Return mean, low and high for JSON, which has no word for an end that is unbounded but null."""
        return {name: value if np.isfinite(value) else None for name, value in asdict(self).items()}
