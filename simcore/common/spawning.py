"""Spawned processes, which leave Ctrl-C to their parent and never outlive it."""

import atexit
import multiprocessing
import multiprocessing.util
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnProcess
from typing import Any, NoReturn

from simcore.common.signals import ASKING

CONTEXT = multiprocessing.get_context("spawn")
"""Spawned, not forked: a fork of a process with threads, such as PyTorch's, may deadlock."""

LEFT_TO_THE_PARENT = {*ASKING}
"""Signals that terminals and batch systems send to every process of a run; its parent decides when a run ends."""

THREAD_CHOICES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""The environment variables by which a user, `torchrun` or Ray chooses the threads of OpenMP, PyTorch and BLAS; such a
choice is always kept."""
SAFE_PATH = "PYTHONSAFEPATH"
"""Python's environment variable against modules in the current folder."""

_running: set[SpawnProcess] = set()


@atexit.register  # registered after multiprocessing's handler, so called before it would wait for them
def kill_forgotten() -> None:
    """Kill the processes that were not stopped."""
    for process in _running:
        process.kill()


def start(name: str, function: Callable[..., None], *arguments: Any) -> SpawnProcess:
    """Start a process that calls a function, on one thread; name, function and arguments are pickled."""
    process = CONTEXT.Process(target=_run, args=(function, arguments, SAFE_PATH in os.environ), name=name)
    with _safe_path():
        with left_to_the_parent():
            resource_tracker.ensure_running()  # which unblocks some of the signals if it starts its process
        with left_to_the_parent(), one_thread_each():  # there are several, and the learner, on the same cores
            process.start()
    _running.add(process)
    return process


@contextmanager
def left_to_the_parent() -> Iterator[None]:
    """Start processes in the `with` block that no signal of `LEFT_TO_THE_PARENT` reaches.

    Blocked signals stay so in a new process, from its first moment on; here they arrive after the block.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, LEFT_TO_THE_PARENT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def threads_are_chosen() -> bool:
    """Return whether one of `THREAD_CHOICES` is set."""
    return any(name in os.environ for name in THREAD_CHOICES)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes that are started meanwhile use one thread in numerical libraries, unless the user has chosen.

    By the environment, since these libraries read it when they are imported, and a user's worlds may import any.
    """
    if threads_are_chosen():
        yield
        return
    os.environ[THREAD_CHOICES[0]] = "1"
    try:
        yield
    finally:
        del os.environ[THREAD_CHOICES[0]]


def stop(processes: Sequence[SpawnProcess], patience: float) -> None:
    """Wait for processes that should end, and kill those that have not ended in time.

    Args:
        processes: as `start` returned them.
        patience: seconds to wait for all of them together.
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
    """Describe in a few words how a process ended, whose pipe is closed."""
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
    """The traceback of an error in another process, shown as the cause of the error raised here."""

    def __init__(self, text: str) -> None:
        super().__init__(f"\n{text}")


class Failure:
    """An exception in a form that can be sent to another process and raised there.

    Args:
        error: the exception.
    """

    def __init__(self, error: BaseException) -> None:
        self.text = "".join(traceback.format_exception(error))
        self.error: BaseException = RuntimeError(f"{type(error).__name__}: {error}")
        try:
            if isinstance(pickle.loads(pickle.dumps(error)), type(error)):
                self.error = error
        except Exception:  # a library's exception may fail to pickle in any way
            return

    def __getstate__(self) -> dict[str, Any]:
        return {"text": self.text, "error": self.error.with_traceback(None)}

    def throw(self) -> NoReturn:
        """Raise the exception, or a `RuntimeError` with its message, with the traceback as its cause."""
        raise self.error from Elsewhere(self.text)


@contextmanager
def _safe_path() -> Iterator[None]:
    """Let processes that start meanwhile find no module in the current folder before they have this one's path.

    Else a user's file with the name of one of Python's own modules would keep them from starting.
    """
    if SAFE_PATH in os.environ:
        yield
        return
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        del os.environ[SAFE_PATH]


def _run(function: Callable[..., None], arguments: tuple[Any, ...], keeps_safe_path: bool) -> None:
    if not keeps_safe_path:
        os.environ.pop(SAFE_PATH, None)  # which was for this process, and not for what a user's code starts
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_the_parent() -> None:
        parent.join()
        os._exit(1)  # at once, since nobody is left to take its results

    # Programs that a world starts are ended by SIGTERM, and would inherit a block of it, but not a handler.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=end_with_the_parent, name="end with the parent", daemon=True).start()
    function(*arguments)
