"""Folders for what libraries keep between processes, also where neither program nor home can be written."""

import getpass
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from simcore.common.errors import UserError

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def private_folders() -> Iterator[Path]:
    """Return SimCore's folders that nobody else can write: in the user's cache folder, and in that for temporary files.

    Each is made where it is missing, and left out where it cannot be. Those of other processes of the same user are the
    same.
    """
    cached = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(cached) and make_private(Path(cached) / "simcore"):  # not for a user without a home
        yield Path(cached) / "simcore"
    with suppress(FileNotFoundError):  # no folder for temporary files can be written
        temporary = Path(tempfile.gettempdir()) / f"simcore-{os.getuid()}"
        if make_private(temporary):
            yield temporary


def make_private(folder: Path) -> bool:
    """Make a folder that nobody else can write or replace; return whether it is one.

    Compiled code is kept as pickles: what somebody else had put there would be executed.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        own, above = folder.lstat().st_mode, folder.parent.stat().st_mode
        is_mine = folder.lstat().st_uid == os.getuid()
    except OSError:
        return False
    is_kept = not above & OTHERS_WRITE or bool(above & stat.S_ISVTX)
    return stat.S_ISDIR(own) and is_mine and not own & OTHERS_WRITE and is_kept


def settle_libraries() -> None:
    """Give matplotlib and PyTorch's compiler a folder where they would find none, by their own variables.

    Raises:
        UserError: no folder for temporary files can be written.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise UserError("there is no folder for temporary files; set TMPDIR to one that can be written") from error
    home = os.path.expanduser("~")
    if "MPLCONFIGDIR" not in os.environ and not (os.path.isdir(home) and os.access(home, os.W_OK)):
        _set("MPLCONFIGDIR", "matplotlib")
    if "TORCHINDUCTOR_CACHE_DIR" not in os.environ and not _has_name():
        _set("TORCHINDUCTOR_CACHE_DIR", "inductor")


def _set(variable: str, name: str) -> None:
    """Set a variable to a private folder of a name, if there is one."""
    for folder in private_folders():
        os.environ[variable] = str(folder / name)
        return


def _has_name() -> bool:
    """Return whether the user has a name, from which PyTorch's compiler makes that of its folder."""
    try:
        getpass.getuser()
    except (KeyError, OSError):  # as a container's user may be, who is in no list
        return False
    return True
