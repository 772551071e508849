"""The version of SimCore that is installed, and the commit of its sources."""

import os
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def _installed() -> str:
    try:
        return version("simcore")
    except PackageNotFoundError:  # the sources are on Python's path, and not installed
        return "unknown"


__version__ = _installed()


@cache
def commit() -> str | None:
    """Return the commit of SimCore's sources, with "-dirty" if they were changed; None without a git checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():  # as in site-packages, which may be in somebody else's checkout
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        # Without a lock, so that no other git is kept waiting.
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):  # there is no git, or the checkout is somebody else's
        return None
    return done.stdout.strip()
