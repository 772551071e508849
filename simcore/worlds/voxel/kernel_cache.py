"""The folder in which compiled kernels are kept from one process to the next."""

import hashlib
import logging
import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba

from simcore.common.caches import private_folders

logger = logging.getLogger(__name__)
settings: Any = numba.config
"""Numba's settings, which have no types."""

ROOM = 2**24
"""Bytes that a new cache must be able to grow to: all kernels take about half of it."""
ROOM_FOR_MORE = 2**20
"""Bytes that must be left for kernels that a cache does not hold yet."""
KEPT = 4
"""Caches of other sources that stay beside a new one."""


@contextmanager
def cached_in(folder: Path) -> Iterator[None]:
    """Let functions that numba decorates in the `with` block be cached in a folder.

    Numba reads `config.CACHE_DIR` where a function is decorated. What others decorate is cached where they want it.
    """
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        settings.CACHE_DIR = before


@cache
def find_folder() -> Path | None:
    """Return the folder for compiled kernels, made if it is missing; None if there is no room for one.

    It is looked for in NUMBA_CACHE_DIR if that is set, beside the sources, in the user's cache folder, and in the
    folder for temporary files. Its name stands for the sources: numba looks at the file a kernel stands in, not at the
    files of the kernels it calls, so that an edit of `raster.py` alone would leave the old renderer in the cached
    `batch.py`.
    """
    name = f"numba-{fingerprint()[:16]}"
    given, sources = settings.CACHE_DIR, Path(__file__).parent / "__pycache__"
    for parent in [Path(given)] * bool(given) + [sources]:  # who can write there can change the program itself
        if _prepare(parent / name):
            return parent / name
    for parent in private_folders():
        if _prepare(parent / name):
            return parent / name
    if multiprocessing.parent_process() is None:  # once for a run
        logger.warning(
            "compiled worlds cannot be kept, so that each process compiles its own, which takes up to a minute; "
            "set NUMBA_CACHE_DIR to a folder with room"
        )
    return None


@cache
def fingerprint() -> str:
    """Return a digest of all sources of the worlds, in hexadecimal."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _prepare(folder: Path) -> bool:
    """Make a cache's folder if it is missing; return whether it can be written and has room."""
    try:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:  # quotas are known by writing alone
            file.write(bytes(ROOM if is_new else ROOM_FOR_MORE))
            file.flush()
        if is_new:
            _forget_oldest(folder)
    except OSError:
        return False
    return True


def _forget_oldest(folder: Path) -> None:
    """Remove the caches beside a new one but the last `KEPT`, so that edits do not fill the disk."""
    others = [other for other in folder.parent.glob("numba-*") if other != folder]
    for other in sorted(others, key=lambda other: other.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(other, ignore_errors=True)
