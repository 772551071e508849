"""Atomic writes: a file is replaced whole or not at all."""

import errno
import os
import secrets
from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"
"""Suffix of a file that is being written; a leftover one is from a process that was killed."""
CANNOT_SYNC = (errno.EINVAL, errno.EBADF, errno.ENOTSUP)
"""What file systems answer that cannot flush a directory, as some over a network."""


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
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def remedy(error: OSError) -> str:
    """Return what to do about an error of writing in a run's folder."""
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "make room and resume" if is_full else "put that right and resume"
