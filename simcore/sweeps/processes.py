"""The executor of a sweep's runs as processes of this machine, so that a crash of one does not affect the others."""

import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple, Self

from simcore.common.spawning import left_to_the_parent
from simcore.sweeps.folder import RunFiles

HERE = Path(__file__).parents[2]
"""The folder that the package is in."""
LOOK = 0.2
"""Seconds between two checks for ended runs."""


class Ended(NamedTuple):
    """The end of a run's process."""

    path: Path
    """The run's folder."""
    code: int | None
    """Its exit code, negative for a signal; None if the process or its machine was lost."""
    said: str | None = None
    """The error message of that loss."""


class Executor(ABC):
    """Run the processes of a sweep's runs.

    At the end of a `with` block the remaining ones are killed; after an error, once they have written checkpoints.
    """

    notes: tuple[str, ...] = ()
    """What the user should know before the first run."""

    @property
    @abstractmethod
    def running(self) -> int:
        """The number of runs that were started and not yet returned by `ended`."""

    @property
    @abstractmethod
    def has_room(self) -> bool:
        """Whether another run may be started."""

    @abstractmethod
    def start(self, path: Path, worlds: int) -> None:
        """Start the process of a run.

        Args:
            path: the run's folder.
            worlds: validation worlds, and as many test worlds, in which it is measured.
        """

    @abstractmethod
    def ended(self) -> list[Ended]:
        """Wait at most `LOOK` seconds, and return the runs that have ended since the last call."""

    @abstractmethod
    def stop(self) -> None:
        """Ask all runs to write a checkpoint and end."""

    @abstractmethod
    def close(self) -> None:
        """Kill the remaining runs."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        try:
            if kind is not None and issubclass(kind, Exception):
                self.stop()
                while self.running:
                    self.ended()
        finally:
            self.close()


def launch(path: Path, worlds: int, jobs: int = 1) -> subprocess.Popen[bytes]:
    """Start the process of a run; it writes a checkpoint and ends when its standard input is closed.

    Args:
        path: the run's folder.
        worlds: in which it is measured, see `Executor.start`.
        jobs: how many such processes share the machine's cores.
    """
    # No file of the current folder hides a library; unless SimCore itself is found there, as in its repository.
    safe = [] if Path.cwd() == HERE else ["-P"]
    command = [sys.executable, *safe, "-m", "simcore.sweeps", str(path), str(worlds), str(jobs)]
    with RunFiles(path).log.open("ab") as log, left_to_the_parent():  # until it can hear signals
        # In its own session, so that Ctrl-C in the terminal reaches only the sweep, which then stops its runs.
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def hang_up(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to write a checkpoint and end."""
    assert process.stdin is not None
    process.stdin.close()


class Processes(Executor):
    """Run a few processes at a time on this machine, whose cores they share.

    Args:
        jobs: the most runs at a time.
    """

    def __init__(self, jobs: int = 1) -> None:
        self._jobs = jobs
        self._processes: dict[Path, subprocess.Popen[bytes]] = {}

    @property
    def running(self) -> int:
        """The number of running processes."""
        return len(self._processes)

    @property
    def has_room(self) -> bool:
        """Whether another run may be started."""
        return self.running < self._jobs

    def start(self, path: Path, worlds: int) -> None:
        """Start the process of a run."""
        self._processes[path] = launch(path, worlds, self._jobs)

    def ended(self) -> list[Ended]:
        """Wait `LOOK` seconds, and return the runs that have ended."""
        time.sleep(LOOK)
        ended = [Ended(path, code) for path, p in self._processes.items() if (code := p.poll()) is not None]
        for path, _, _ in ended:
            hang_up(self._processes.pop(path))
        return ended

    def stop(self) -> None:
        """Ask all runs to write a checkpoint and end."""
        for process in self._processes.values():
            hang_up(process)

    def close(self) -> None:
        """Kill the remaining runs."""
        for process in self._processes.values():
            process.kill()
            process.wait()
            hang_up(process)
        self._processes.clear()
