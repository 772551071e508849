"""Results of analysis: files, written before anything is printed, and tables, printed in any case."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from simcore.commands.console import say
from simcore.common.atomic import write_atomically
from simcore.common.errors import UserError


def publish(folder: Path, files: Mapping[str, bytes], show: Callable[[], None] = lambda: None) -> None:
    """Write results into a folder, made if it is missing, then show them, even if they cannot be written.

    Args:
        folder: the folder.
        files: what is in each file, by name.
        show: prints the results.

    Raises:
        UserError: a file cannot be written, for instance into somebody else's run.
    """
    failure = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            write_atomically(folder / name, data)
    except OSError as error:
        failure = error
    show()
    if failure is not None:
        raise UserError(
            f"cannot write the results in {folder}: {failure.strerror}; name another folder by --out"
        ) from failure
    say(*(f"{'Written: ' if not place else ' ' * 9}{folder / name}" for place, name in enumerate(files)))


def as_json(report: Mapping[str, Any]) -> bytes:
    """Return a report as stored in a JSON file."""
    return (json.dumps(report, indent=1) + "\n").encode()
