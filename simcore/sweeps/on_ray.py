"""Runs of a sweep as tasks on a Ray cluster, whose machines share the sweep's folder."""

import os
import time
from pathlib import Path
from typing import Any

from simcore.acting.on_ray import connect, import_ray, in_a_line
from simcore.sweeps.processes import LOOK, Ended, Executor, hang_up, launch
from simcore.sweeps.worker import STOPPED


def attend(path: str, worlds: int) -> int:
    """Run a process from its start to its end, in one of Ray's, and return its exit code; a cancel ends it politely."""
    process = launch(Path(path), worlds)
    try:
        while (code := process.poll()) is None:
            time.sleep(LOOK)  # a cancel is noticed between two calls, not within one that waits
        return code
    finally:
        hang_up(process)
        process.wait()


class RayTasks(Executor):
    """Gives all runs to Ray, which begins each where and when there is room.

    Args:
        address: of the cluster, as in `ray.init`; None: a Ray of its own on this machine.
        jobs: how many may be given to it at a time; None: as many as it has room for.
        cpus: that each takes.
        gpus: that each takes.

    Raises:
        UserError: Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, address: str | None, jobs: int | None, cpus: int, gpus: int) -> None:
        self._ray = import_ray()
        connect(self._ray, address, (jobs or 1) * cpus)
        self._jobs = jobs
        # A task that has lost its process is not begun again behind our back: that is a run that failed.
        self._attend = self._ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(attend)
        self._tasks: dict[Any, Path] = {}

    @property
    def running(self) -> int:
        """How many have been given to Ray and not ended."""
        return len(self._tasks)

    @property
    def has_room(self) -> bool:
        """Whether another may be given to it."""
        return self._jobs is None or self.running < self._jobs

    def start(self, path: Path, worlds: int) -> None:
        """Give a run to Ray."""
        self._tasks[self._attend.remote(os.path.abspath(path), worlds)] = path

    def ended(self) -> list[Ended]:
        """Wait a moment at most, and return those that have ended."""
        if not self._tasks:
            time.sleep(LOOK)
            return []
        ready, _ = self._ray.wait(list(self._tasks), timeout=LOOK)
        return [self._end(task, self._tasks.pop(task)) for task in ready]

    def stop(self) -> None:
        """Ask all to write a checkpoint and end; those that have not begun will not."""
        for task in self._tasks:
            self._ray.cancel(task)

    def close(self) -> None:
        """Kill what still runs, and leave Ray."""
        for task in self._tasks:
            self._ray.cancel(task, force=True)
        self._tasks.clear()
        self._ray.shutdown()

    def _end(self, task: Any, path: Path) -> Ended:
        try:
            return Ended(path, self._ray.get(task))
        except self._ray.exceptions.TaskCancelledError:
            return Ended(path, STOPPED)
        except self._ray.exceptions.RayError as error:
            return Ended(path, None, in_a_line(error))
