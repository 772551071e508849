"""The remark that returns are larger than the value can learn in a run."""

import logging
import math

from simcore.config.run import Config

LARGE = 30.0
"""The least error of the value that is remarked on; what smaller ones need, any run has."""
SHARE = 0.25
"""The share of a run's updates that the value may need to come to the returns."""
WANTED = 10.0
"""The returns that the suggested scale leads to, at most."""

logger = logging.getLogger(__name__)


class ReturnsWatch:
    """Warns once, by the log, if returns are far from what the value can follow.

    The value is linear in a belief of numbers within ±1, and Adam changes each of its weights by the learning rate an
    update at most, so that it follows by the rate times the belief's size.

    Args:
        config: the run's.
        belief_size: the size of b_t.
    """

    def __init__(self, config: Config, belief_size: int) -> None:
        self._config = config
        self._pace = config.learning.learning_rate * (belief_size + 1)
        self._told = config.reinforcement.popart

    def check(self, means: dict[str, float]) -> None:
        """Warn if a line of metrics shows that the returns are too large to learn."""
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
