"""Means with confidence intervals (App. E)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

CONFIDENCE = 0.9


@dataclass(frozen=True)
class Interval:
    """A mean over episodes with its 90 % confidence interval by Student's t (App. E)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval | None":
        """Compute the interval of a mean; None if a value is NaN or there is none, unbounded if there is only one."""
        from scipy import stats  # of the extra `figures`, which acting does not need

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
        """Return mean, low and high for JSON, where an unbounded end is None."""
        return {name: value if np.isfinite(value) else None for name, value in asdict(self).items()}
