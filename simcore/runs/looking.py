"""Opening a run for analysis: from its folder, from an exported file, or by the name of one."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from simcore.common.errors import UserError
from simcore.pretrained import SUFFIX, find_export, is_named
from simcore.runs.exported import ExportedRun
from simcore.runs.folder import RunFolder

AnyRun = RunFolder | ExportedRun
"""A run that can be analysed."""
_PARTS = ("level", "core", "frame_model", "objectives", "wrappers", "heads")
"""Fields of a configuration, its world and its probes that may be a user's own part, module:Name, or a list of such."""


def open_run(path: str | Path) -> AnyRun:
    """Open a run's folder, a file that `simcore export` has made of one, or a run by its name.

    Args:
        path: of the folder or file; or the name of a shipped run, such as `random-city`, or `hf:owner/name` for one on
            the Hugging Face Hub.

    Raises:
        UserError: there is none, it is damaged, or one from the Hub needs code that is not SimCore's.
    """
    export = find_export(path)
    if export is None:
        return RunFolder.open(path)
    try:
        run = ExportedRun.open(export)
    except UserError as error:
        if not export.is_foreign:
            raise
        raise UserError(f"{error}; to download {path} anew, delete {os.path.realpath(export.file)}") from error
    if export.is_foreign:
        _require_no_code(run.config, path, export.file)
    return run


def is_run(path: str | Path) -> bool:
    """Return whether there is a run by a path or name; damaged ones are, and those of the Hub are not looked for."""
    path = Path(path)
    is_file = path.suffix == SUFFIX and os.path.isfile(path)  # also where a name is too long
    return is_file or RunFolder.is_at(path) or is_named(path)


def require_each_once(paths: Iterable[Path]) -> None:
    """Raise `UserError` if two paths name the same run."""
    seen: dict[Path, Path] = {}
    for path in paths:
        place = Path(os.path.realpath(path))
        if place in seen:
            also = f", also as {seen[place]}" if seen[place] != path else ""
            raise UserError(f"{path} is given twice{also}; give each run once")
        seen[place] = path


def _require_no_code(config: Mapping[str, Any], name: object, file: Path) -> None:
    """Raise `UserError` if loading a stranger's run would import modules that its configuration names."""
    sections = (config, config.get("world"), config.get("probes"))
    parts = [section.get(part) for section in sections if isinstance(section, dict) for part in _PARTS]
    named = [text for part in parts for text in (part if isinstance(part, list) else [part]) if ":" in str(text)]
    if named:
        raise UserError(f"{name} would run code by the name of {named[0]}; if that is yours, name its file: {file}")
