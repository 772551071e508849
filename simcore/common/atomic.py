"""Atomic writes: a file is replaced whole or not at all."""

import os
import secrets
from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"
"""Suffix of a file that is being written; a leftover one is from a process that was killed."""


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` atomically: a reader, or a crash at any moment, finds the old file or the new one.

    Of several processes that write the same file at a time, the last one's is left.

    Raises:
        OSError: the write failed, for instance because the disk is full. `path` is unchanged, and no temporary file
            is left.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")  # not another process's
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            # Some file systems make a rename durable before the data: a crash then leaves an empty file.
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    """Flush a directory to disk: until then a power cut may undo a rename in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
