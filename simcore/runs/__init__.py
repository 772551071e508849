"""A run's folder: configuration, metrics and checkpoints, and how a run is watched, stopped, resumed."""

from simcore.runs import checkpoints
from simcore.runs.folder import RunFolder, RunInUseError
from simcore.runs.interrupt import Stop, graceful_interrupt
from simcore.runs.metrics import MetricsWriter, read_metrics
from simcore.runs.progress import ACTING, ACTING_MODEL_FREE, SEEING, Progress

__all__ = [
    "ACTING",
    "ACTING_MODEL_FREE",
    "SEEING",
    "MetricsWriter",
    "Progress",
    "RunFolder",
    "RunInUseError",
    "Stop",
    "checkpoints",
    "graceful_interrupt",
    "read_metrics",
]
