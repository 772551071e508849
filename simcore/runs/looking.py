"""Opening a run to look into it, be it a folder or an exported file."""

from pathlib import Path

from simcore.runs.exported import SUFFIX, ExportedRun
from simcore.runs.folder import RunFolder

AnyRun = RunFolder | ExportedRun
"""What can be looked into."""


def open_run(path: str | Path) -> AnyRun:
    """Open a run's folder, or a file that `simcore export` has made of one.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = Path(path)
    if path.suffix == SUFFIX and not path.is_dir():
        return ExportedRun.open(path)
    return RunFolder.open(path)
