"""Processes that begin afresh, do not hear Ctrl-C, and never outlive the process that started them."""

import atexit
import multiprocessing
import multiprocessing.util
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnProcess
from typing import Any, NoReturn

CONTEXT = multiprocessing.get_context("spawn")
"""Not forked: a copy of a process that has threads, as PyTorch's, may wait for ever."""

LEFT_TO_THE_PARENT = {signal.SIGINT, signal.SIGTERM}
"""A terminal, and many a batch system, send these to every process of a run; the first one decides when it ends."""

_running: set[SpawnProcess] = set()


@atexit.register  # after multiprocessing's own, and so called before it, which would wait for them
def kill_forgotten() -> None:
    """Kill the processes that nobody has stopped."""
    for process in _running:
        process.kill()


def start(name: str, function: Callable[..., None], *arguments: Any) -> SpawnProcess:
    """Start a process that calls a function; name, function and arguments are pickled."""
    process = CONTEXT.Process(target=_run, args=(function, arguments), name=name)
    resource_tracker.ensure_running()  # which would unblock the signals if it were started below
    # Blocked signals stay so in the new process, from its first moment on; here they arrive after the block.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, LEFT_TO_THE_PARENT)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    _running.add(process)
    return process


def stop(processes: Sequence[SpawnProcess], patience: float) -> None:
    """Wait for processes that have been told to end, and kill those that have not ended in time.

    Args:
        processes: as `start` returned them.
        patience: seconds that all of them together have.
    """
    deadline = time.monotonic() + patience
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            process.kill()
            process.join()
    for process in processes:
        _running.discard(process)
        process.close()


def how_it_ended(process: SpawnProcess) -> str:
    """Say in a few words how a process ended whose pipe is closed."""
    process.join(timeout=5.0)
    code = process.exitcode
    if code is None:
        return "it does not answer"
    if code >= 0:
        return f"its process ended with exit code {code}"
    number = signal.Signals(-code)
    hint = "; was there too little memory?" if number == signal.SIGKILL else ""
    return f"its process was ended by {number.name}{hint}"


class Elsewhere(Exception):  # noqa: N818 (it is the cause of an error, and not one itself)
    """The traceback of an error in another process, which is shown as the cause of the error that is raised here."""

    def __init__(self, text: str) -> None:
        super().__init__(f"\n{text}")


class Failure:
    """An exception on its way to another process.

    Args:
        error: the exception.
    """

    def __init__(self, error: BaseException) -> None:
        self.text = "".join(traceback.format_exception(error))
        self.error: BaseException = RuntimeError(f"{type(error).__name__}: {error}")
        try:
            if isinstance(pickle.loads(pickle.dumps(error)), type(error)):
                self.error = error
        except Exception:  # an exception of somebody else's may not survive the way, in whatever manner
            return

    def __getstate__(self) -> dict[str, Any]:
        return {"text": self.text, "error": self.error.with_traceback(None)}

    def throw(self) -> NoReturn:
        """Raise the exception, or a `RuntimeError` with its words; the traceback is its cause."""
        raise self.error from Elsewhere(self.text)


def _run(function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_the_parent() -> None:
        parent.join()
        os._exit(1)  # whatever it is in the middle of, there is nobody to hear of it

    threading.Thread(target=end_with_the_parent, name="end with the parent", daemon=True).start()
    function(*arguments)
