"""Signals that ask a process to end, heard even while its main thread is in compiled code."""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import NoReturn

INTERRUPTED = 130
"""Exit code of a command that a signal has interrupted: the one that shells use for Ctrl-C, so that `make` and scripts
stop."""

ENDING = (signal.SIGINT, signal.SIGTERM)
"""What people and batch systems send to end a process; the third one ends it at once. A terminal that is closed may
send several SIGHUP, and a batch system warns by SIGUSR1: those only ask."""
ASKING = (*ENDING, signal.SIGHUP, signal.SIGUSR1)
"""All that ask a process to end: Ctrl-C, a batch system's end and its warning of that, the closing of a terminal."""
AT_ONCE = 3
"""How many of them end a process at once: one Ctrl-C may well arrive as two, from the terminal and from a wrapper."""

logger = logging.getLogger(__name__)


@contextmanager
def heard(
    numbers: Collection[signal.Signals], at_once: Callable[[int], None], in_turn: Callable[[int], None]
) -> Iterator[None]:
    """Hear signals inside the `with` block; outside the main thread, where Python cannot, nothing changes.

    A signal that is ignored stays so: a shell starts background jobs with SIGINT ignored, and `nohup` ignores SIGHUP.

    Args:
        numbers: of the signals.
        at_once: called with a signal's number, in a thread of its own, whatever the main thread is doing. So it may
            print and take locks, which a signal's handler may not.
        in_turn: called with a signal's number in the main thread, as Python calls handlers: between two instructions,
            and so not before compiled code returns. It may raise.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # A handler that is not Python's (None) could not be restored.
    handlers = {number: signal.getsignal(number) for number in numbers}
    handlers = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}

    def listen() -> None:
        while received := os.read(reader, 1):
            if received[0] in handlers:
                at_once(received[0])

    thread = threading.Thread(target=listen, name="signals", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        for number in handlers:
            signal.signal(number, lambda number, _: in_turn(number))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        os.close(writer)
        thread.join()
        os.close(reader)


class Insistence:
    """Counts the signals of `ENDING`: says at the second that the next ends the process, and ends it at the third.

    Args:
        end: returns the message printed as the process ends; None: others end it.
    """

    def __init__(self, end: Callable[[], str] | None) -> None:
        self._end = end
        self._count = 0

    def hear(self, number: int) -> None:
        """Count a signal; not to be called in the main thread."""
        if number not in ENDING:
            return
        self._count += 1
        if self._count == AT_ONCE - 1:
            logger.warning("Stopping; once more ends at once")
        if self._count == AT_ONCE and self._end is not None:
            end_at_once(self._end())


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM, SIGHUP or SIGUSR1 raise `KeyboardInterrupt` in the block; a third ends the process at once.

    A second one does not disturb what is tidied up after the first.
    """
    insistence = Insistence(lambda: "ended at once")
    interrupted = False

    def interrupt(number: int) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt

    with heard(ASKING, insistence.hear, interrupt):
        yield


def end_at_once(line: str) -> NoReturn:
    """End the process without any tidying up, from any thread, after a line on standard error.

    What the process writes are whole files or whole lines of a file, so nothing is lost that another would read.
    Processes that it has started end with it.
    """
    with contextlib.suppress(OSError, ValueError):
        if sys.stdout is not None and sys.stdout.isatty():
            os.write(sys.stdout.fileno(), b"\x1b[?25h\n")  # shows the cursor, which a progress display hides
    with contextlib.suppress(OSError):
        os.write(2, f"simcore: {line}\n".encode(errors="replace"))
    os._exit(INTERRUPTED)
