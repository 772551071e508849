"""The executor of a sweep's runs as tasks on a Ray cluster, whose machines share the sweep's folder."""

import os
import time
from pathlib import Path
from typing import Any

from simcore.acting.on_ray import connect, import_ray, last_line
from simcore.sweeps.processes import LOOK, Ended, Executor, hang_up, launch
from simcore.sweeps.worker import STOPPED


def attend(path: str, worlds: int) -> int:
    """Run the process of a run in a Ray task, and return its exit code; cancelling lets it write a checkpoint."""
    process = launch(Path(path), worlds)
    try:
        while (code := process.poll()) is None:
            time.sleep(LOOK)  # a cancel is noticed only between two calls
        return code
    finally:
        hang_up(process)
        process.wait()


class RayTasks(Executor):
    """Submit all runs to Ray, which starts each when and where resources are free.

    Args:
        address: of the cluster, as in `ray.init`; None: a new Ray on this machine.
        jobs: the most runs that are submitted at a time; None: no limit.
        cpus: per run.
        gpus: per run.

    Raises:
        UserError: Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(self, address: str | None, jobs: int | None, cpus: int, gpus: int) -> None:
        self._ray = import_ray()
        connect(self._ray, address, (jobs or 1) * cpus)
        self._jobs = jobs
        # Without retries by Ray: a task that has lost its process is a failed run.
        self._attend = self._ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(attend)
        self._tasks: dict[Any, Path] = {}

    @property
    def running(self) -> int:
        """The number of runs that were submitted and have not ended."""
        return len(self._tasks)

    @property
    def has_room(self) -> bool:
        """Whether another run may be submitted."""
        return self._jobs is None or self.running < self._jobs

    def start(self, path: Path, worlds: int) -> None:
        """Submit a run to Ray."""
        self._tasks[self._attend.remote(os.path.abspath(path), worlds)] = path

    def ended(self) -> list[Ended]:
        """Wait at most `LOOK` seconds, and return the runs that have ended."""
        if not self._tasks:
            time.sleep(LOOK)
            return []
        ready, _ = self._ray.wait(list(self._tasks), timeout=LOOK)
        return [self._end(task, self._tasks.pop(task)) for task in ready]

    def stop(self) -> None:
        """Ask all runs to write a checkpoint and end; those that have not started will not start."""
        for task in self._tasks:
            self._ray.cancel(task)

    def close(self) -> None:
        """Kill the remaining runs, and disconnect from Ray."""
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
            return Ended(path, None, last_line(error))
