"""How often metrics and checkpoints are written."""

from dataclasses import dataclass

from simcore.common.checks import Count, require_fields


@dataclass(frozen=True)
class RecordConfig:
    """How often metrics and checkpoints are written."""

    metrics_every: Count = 50
    """Updates between two lines of metrics, each the mean over them."""
    checkpoint_every: Count = 500
    """Updates between two checkpoints."""
    checkpoints: Count = 3
    """How many of the newest checkpoints are kept."""

    def __post_init__(self) -> None:
        require_fields("record.", self)
