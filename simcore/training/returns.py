"""Warn when returns exceed what the value head can learn in this run."""

import logging
import math

from simcore.config.run import Config

LARGE = 30.0
"""The smallest error of the value that is warned about; any run is long enough for smaller ones."""
SHARE = 0.25
"""The share of a run's updates that the value may need to reach the returns."""
WANTED = 10.0
"""The largest returns after the suggested scaling."""

logger = logging.getLogger(__name__)


class ReturnsWatch:
    """Logs one warning if returns are farther away than the value can follow.

    The value is linear in a belief of numbers within ±1, and Adam changes each of its weights by at most the learning
    rate per update, so the value moves by at most the rate times the belief's size.

    Args:
        config: the run's.
        belief_size: the size of b_t.
    """

    def __init__(self, config: Config, belief_size: int) -> None:
        self._config = config
        self._pace = config.learning.learning_rate * (belief_size + 1)
        self._told = config.reinforcement.popart

    def check(self, means: dict[str, float]) -> None:
        """Check a line of metrics."""
        squared = 2 * means.get("acting/value_loss", math.nan)
        if self._told or not LARGE**2 < squared < math.inf:
            return
        away = math.sqrt(squared)
        needed, updates = away / self._pace, self._config.learning.updates
        if needed > SHARE * updates:
            self._told = True
            scale = self._config.reinforcement.reward_scale
            suggested = 10.0 ** math.floor(math.log10(scale * WANTED / away))
            logger.warning(
                "the returns are %.3g away from the value, which would need about %.3g of this run's %s updates to "
                "follow: train anew with --reinforcement.reward-scale %g, or with --reinforcement.popart; see "
                "docs/rewards.md",
                away, needed, f"{updates:,}", suggested,
            )  # fmt: skip
