"""Runs of a sweep as processes of this machine; a crash of one is no matter to the others."""

import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple, Self

from simcore.sweeps.folder import RunFiles

LOOK = 0.2
"""Seconds between two looks at what has ended."""


class Ended(NamedTuple):
    """The end of a run's process."""

    path: Path
    """The run's folder."""
    code: int | None
    """Its exit code, negative for a signal; None where the process, or its machine, was lost."""
    said: str | None = None
    """What is known of that loss."""


class Executor(ABC):
    """Runs the processes of a sweep's runs. Use it in a `with` block: what then still runs is killed."""

    @property
    @abstractmethod
    def running(self) -> int:
        """How many have been started and not yet been told of as ended."""

    @property
    @abstractmethod
    def has_room(self) -> bool:
        """Whether another may be started."""

    @abstractmethod
    def start(self, path: Path, worlds: int) -> None:
        """Start the process of a run."""

    @abstractmethod
    def ended(self) -> list[Ended]:
        """Wait a moment at most, and return those that have ended since the last call."""

    @abstractmethod
    def stop(self) -> None:
        """Ask all to write a checkpoint and end."""

    @abstractmethod
    def close(self) -> None:
        """Kill what still runs."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def launch(path: Path, worlds: int) -> subprocess.Popen[bytes]:
    """Start the process of a run; it ends politely when its standard input is closed."""
    command = [sys.executable, "-m", "simcore.sweeps", str(path), str(worlds)]
    with RunFiles(path).log.open("ab") as log:
        # A session of its own, so that Ctrl-C in the terminal reaches the sweep alone, which then tells its runs.
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def hang_up(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to write a checkpoint and end."""
    assert process.stdin is not None
    process.stdin.close()


class Processes(Executor):
    """Runs a few at a time on this machine.

    Args:
        jobs: how many at a time.
    """

    def __init__(self, jobs: int = 1) -> None:
        self._jobs = jobs
        self._processes: dict[Path, subprocess.Popen[bytes]] = {}

    @property
    def running(self) -> int:
        """How many run."""
        return len(self._processes)

    @property
    def has_room(self) -> bool:
        """Whether another may be started."""
        return self.running < self._jobs

    def start(self, path: Path, worlds: int) -> None:
        """Start the process of a run."""
        self._processes[path] = launch(path, worlds)

    def ended(self) -> list[Ended]:
        """Wait a moment, and return those that have ended."""
        time.sleep(LOOK)
        ended = [Ended(path, code) for path, p in self._processes.items() if (code := p.poll()) is not None]
        for path, _, _ in ended:
            hang_up(self._processes.pop(path))
        return ended

    def stop(self) -> None:
        """Ask all to write a checkpoint and end."""
        for process in self._processes.values():
            hang_up(process)

    def close(self) -> None:
        """Kill what still runs."""
        for process in self._processes.values():
            process.kill()
            process.wait()
            hang_up(process)
        self._processes.clear()
