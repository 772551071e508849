"""How often metrics and checkpoints are written."""

from dataclasses import dataclass

from simcore.common.checks import require_positive


@dataclass(frozen=True)
class RecordConfig:
    """How often metrics and checkpoints are written."""

    metrics_every: int = 50
    """Updates between two lines of metrics, each the mean over them."""
    checkpoint_every: int = 500
    """Updates between two checkpoints."""
    checkpoints: int = 3
    """How many of the newest checkpoints are kept."""

    def __post_init__(self) -> None:
        require_positive("record", self, "metrics_every", "checkpoint_every", "checkpoints")
