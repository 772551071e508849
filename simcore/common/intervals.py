"""Means with confidence intervals (App. E)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 0.9


@dataclass(frozen=True)
class Interval:
    """A mean over episodes or worlds with its 90 % confidence interval by Student's t (App. E)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval | None":
        """Compute the interval of a mean; None if a value is NaN or there is none, unbounded if there is only one."""
        return cls.of_ratio(values, np.ones(len(values)))

    @classmethod
    def of_ratio(cls, parts: ArrayLike, wholes: ArrayLike) -> "Interval | None":
        """Compute the interval of sum(parts) / sum(wholes), of pairs that are drawn independently, as one a world.

        Its standard error is that of the mean of parts - ratio * wholes, divided by the mean of the wholes (Cochran
        1977, *Sampling Techniques*, section 2.11).

        Returns:
            None if a number is NaN or the wholes are 0; unbounded if there is only one pair.
        """
        from scipy import stats  # of the extra `figures`, which acting does not need

        numerators, denominators = np.array(parts, np.float64), np.array(wholes, np.float64)
        whole = float(denominators.sum())
        if not whole or np.isnan(numerators).any() or np.isnan(whole):
            return None
        ratio = float(numerators.sum()) / whole
        count = len(numerators)
        spread = float(stats.sem(numerators - ratio * denominators)) if count > 1 else np.inf
        if spread == 0:
            return cls(ratio, ratio, ratio)
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, max(count - 1, 1))) * spread * count / whole
        return cls(ratio, ratio - reach, ratio + reach)

    def to_dict(self) -> dict[str, float | None]:
        """Return mean, low and high for JSON, where an unbounded end is None."""
        return {name: value if np.isfinite(value) else None for name, value in asdict(self).items()}
