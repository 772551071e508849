"""A run on disk: configuration, metrics, checkpoints and exports; its progress display and its interruption."""

from simcore.runs import checkpoints
from simcore.runs.exported import ExportedRun
from simcore.runs.folder import RunFolder, RunInUseError
from simcore.runs.interrupt import Stop, graceful_interrupt
from simcore.runs.looking import AnyRun, open_run, require_each_once
from simcore.runs.metric_names import current_names, resolve_metric
from simcore.runs.metrics import read_metrics
from simcore.runs.progress import ACTING, ACTING_MODEL_FREE, SEEING, Progress
from simcore.runs.sinks import Sink, Step
from simcore.runs.writer import MetricsWriter

__all__ = [
    "ACTING",
    "ACTING_MODEL_FREE",
    "SEEING",
    "AnyRun",
    "ExportedRun",
    "MetricsWriter",
    "Progress",
    "RunFolder",
    "RunInUseError",
    "Sink",
    "Step",
    "Stop",
    "checkpoints",
    "current_names",
    "graceful_interrupt",
    "open_run",
    "read_metrics",
    "require_each_once",
    "resolve_metric",
]
