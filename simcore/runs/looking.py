"""Opening a run for analysis, from its folder or from an exported file."""

import os
from collections.abc import Iterable
from pathlib import Path

from simcore.common.errors import UserError
from simcore.runs.exported import SUFFIX, ExportedRun
from simcore.runs.folder import RunFolder

AnyRun = RunFolder | ExportedRun
"""A run that can be analysed."""


def open_run(path: str | Path) -> AnyRun:
    """Open a run's folder, or a file that `simcore export` has made of one.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = Path(path)
    if path.suffix == SUFFIX and not os.path.isdir(path):
        return ExportedRun.open(path)
    return RunFolder.open(path)


def require_each_once(paths: Iterable[Path]) -> None:
    """Raise `UserError` if two paths name the same run."""
    seen: dict[Path, Path] = {}
    for path in paths:
        place = Path(os.path.realpath(path))
        if place in seen:
            also = f", also as {seen[place]}" if seen[place] != path else ""
            raise UserError(f"{path} is given twice{also}; give each run once")
        seen[place] = path
