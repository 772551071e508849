"""Graceful interruption: Ctrl-C ends a run after the present update."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Stop:
    """Whether the run has been asked to end."""

    requested: bool = False


@contextmanager
def graceful_interrupt() -> Iterator[Stop]:
    """Turn the first Ctrl-C (SIGINT) or SIGTERM into a request, which the loop inside reads after an update.

    Outside the main thread, where Python cannot handle signals, nothing is requested and nothing changes.

    Raises:
        KeyboardInterrupt: inside the `with` block, at a second signal.
    """
    stop = Stop()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.requested = True

    previous = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # A shell starts background jobs with SIGINT ignored, which must stay so; a handler that is
                # not Python's (None) could not be restored.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    previous[number] = signal.signal(number, on_signal)
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
