"""What all tests share."""

import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from commands import Launch, launch_command

# Tests run side by side, and small tensors gain nothing from more threads; PyTorch reads this when it is imported.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True, scope="session")
def heard_interrupts() -> None:
    """Background jobs are deaf to Ctrl-C, those of `nohup` to SIGHUP; so would be the processes that tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)  # a new process does not inherit it, and the tests go on


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Launch a command, as `launch_command` does; what the test leaves of it is killed."""
    started: list[subprocess.Popen[str]] = []

    def launch(*arguments: object, **options: Any) -> "subprocess.Popen[str]":
        started.append(launch_command(*arguments, **options))
        return started[-1]

    yield launch
    for process in started:
        with process:
            process.kill()
