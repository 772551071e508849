"""Waiting for something that has to come: until it has, and not for a time that a busy machine may exceed."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 240.0
"""Seconds after which what has not come counts as hung: far longer than anything takes, on any machine."""


def wait_until(happened: Callable[[], Any], process: "subprocess.Popen[Any] | None" = None) -> None:
    """Wait until something has happened; a process that has to bring it about must not end before."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.01)


def wait_for_lines(file: Path, process: "subprocess.Popen[Any]", count: int = 1) -> None:
    """Wait until a process has written so many lines to a file."""
    wait_until(lambda: file.exists() and file.read_bytes().count(b"\n") >= count, process)
