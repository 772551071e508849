"""Running the unfinished runs of a sweep."""

import signal
import time
from collections import deque
from collections.abc import Callable

from simcore.common.signals import ASKING
from simcore.runs import graceful_interrupt
from simcore.sweeps.folder import RunFiles, Status, SweepFolder
from simcore.sweeps.plan import PlannedRun
from simcore.sweeps.processes import Ended, Executor
from simcore.sweeps.worker import FINISHED, IN_USE, STOPPED

ASK_AGAIN = 2.0
"""Seconds between two checks of runs that another process trains."""
INTERRUPTED = (STOPPED, *(-number for number in ASKING))
"""Exit codes of a run that was stopped, and so has not failed."""


def run_missing(folder: SweepFolder, executor: Executor, tell: Callable[[str], None]) -> bool:
    """Run all runs that have neither finished nor failed; the first Ctrl-C lets running ones write checkpoints and end.

    A run that another process trains is run only if that process ends before the run is finished.

    Returns:
        True if all runs have ended; False if it was interrupted.
    """
    plan = folder.plan
    by_path = {folder.files(run).path: run for run in plan.runs}
    waiting = deque(run for run in plan.runs if folder.status(run) is Status.UNFINISHED)
    elsewhere: list[PlannedRun] = []
    next_look = 0.0
    asked = "Stopping: the runs under way write their checkpoints"
    with graceful_interrupt(asked, lambda: "ended at once; the runs under way end on their own") as interrupt, executor:
        while not interrupt.requested and (waiting or elsewhere or executor.running):
            while waiting and executor.has_room:
                run = waiting.popleft()
                if folder.status(run) is Status.UNFINISHED:  # another process may have finished it
                    executor.start(folder.files(run).path, plan.worlds)
            for ended in executor.ended():
                run = by_path[ended.path]
                if ended.code == IN_USE:
                    tell(f"{run.name}: another process is at it")
                    elsewhere.append(run)
                else:
                    tell(settle(folder, run, ended))
            if elsewhere and time.monotonic() > next_look:
                next_look = time.monotonic() + ASK_AGAIN
                free = [run for run in elsewhere if not folder.is_in_use(run)]
                waiting.extend(free)
                elsewhere = [run for run in elsewhere if run not in free]
        if interrupt.requested:
            executor.stop()
            while executor.running:
                for ended in executor.ended():
                    if ended.code in (FINISHED, *INTERRUPTED):
                        tell(settle(folder, by_path[ended.path], ended))
        return not interrupt.requested


def settle(folder: SweepFolder, run: PlannedRun, ended: Ended) -> str:
    """Record how a run's process ended; return a line with that and the sweep's progress."""
    files, scores = folder.files(run), folder.scores(run)
    if scores is not None:
        metric = folder.plan.metric
        value = scores.validation.get(metric)
        what = f"finished, {metric} {'none' if value is None else f'{value:.4g}'} on validation worlds"
    elif ended.code in INTERRUPTED:
        what = "stopped"
    else:
        error = ended.said or what_failed(files, ended.code)
        what = f"FAILED: {error}"
        try:
            files.write_failure(error, ended.code)
        except OSError as problem:  # a full disk, from which the run may have failed too
            what += f" (cannot be recorded: {problem.strerror})"
    settled = sum(folder.status(run) is not Status.UNFINISHED for run in folder.plan.runs)
    return f"[{settled}/{len(folder.plan.runs)}] {run.name}: {what}"


def what_failed(files: RunFiles, code: int | None) -> str:
    """Return in one line why a process ended with a code: the signal that killed it, or the last line of its log."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"killed by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")
    lines = files.log.read_text(errors="replace").strip().splitlines() if files.log.exists() else []
    return lines[-1].removeprefix("simcore: ") if lines else f"ended with exit code {code}"
