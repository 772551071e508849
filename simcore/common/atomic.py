"""Files that appear whole or not at all."""

import os
from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"
"""Ends the name of a file being written; one that lies around is from a process that was killed."""


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` so that a reader, or a crash at any moment, meets the old file or the new one.

    Raises:
        OSError: the write failed, for instance for want of space. `path` is as it was, and nothing is left
            beside it.
    """
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            # Some file systems make a rename durable before the data: a crash then leaves an empty file.
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    """Make the names in a directory durable: until then a power cut may undo a rename."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
