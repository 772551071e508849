"""What is recorded of a run, and how often."""

import re
from dataclasses import dataclass

from simcore.common.checks import Count, CountOrZero, require, require_fields


@dataclass(frozen=True)
class RecordConfig:
    """What is recorded of a run, and how often."""

    metrics_every: Count = 50
    """Updates between two lines of metrics, each the mean over them."""
    checkpoint_every: Count = 500
    """Updates between two checkpoints."""
    checkpoints: Count = 3
    """How many of the newest checkpoints are kept."""
    pictures_every: CountOrZero = 1
    """Checkpoints between two pictures of a held-out episode in TensorBoard; 0: none."""
    wandb: str | None = None
    """A project of Weights & Biases, PROJECT or ENTITY/PROJECT, that gets metrics and pictures too, or none."""
    sinks: tuple[str, ...] = ()
    """What else gets metrics and pictures: sinks of your own, as module:Name."""

    def __post_init__(self) -> None:
        require_fields("record.", self)
        require(
            self.wandb is None or re.fullmatch(r"([\w.-]+/)?[\w.-]+", self.wandb) is not None,
            f"record.wandb is {self.wandb!r}; it must be PROJECT or ENTITY/PROJECT, of letters, digits, -, _ and .",
        )
