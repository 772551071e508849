"""The command line in a process of its own, for what only a process shows: signals, output, its end."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Launch = Callable[..., "subprocess.Popen[str]"]


def launch_command(*arguments: object, **options: Any) -> "subprocess.Popen[str]":
    """Launch it in a process group of its own, in which a warning is an error and the tests' modules are found."""
    command = [sys.executable, "-W", "error", "-m", "simcore.cli", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes)
