"""Graceful interruption: Ctrl-C ends a run after the current update."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simcore.common.signals import ASKING, AT_ONCE, ENDING, Insistence, heard
from simcore.common.watchdog import StoppedWaiting, is_silent_here

logger = logging.getLogger(__name__)


@dataclass
class Stop:
    """Whether the run has been asked to end."""

    requested: bool = False


@contextmanager
def graceful_interrupt(asked: str = "Stopping", end: Callable[[], str] | None = None) -> Iterator[Stop]:
    """Turn the first signal of `ASKING` into a request, which the loop inside reads after an update, and say so.

    A second Ctrl-C or SIGTERM says that a third one ends the process at once. If the main thread waits for a world that
    has not answered for long, the request ends that wait.

    Outside the main thread, where Python cannot handle signals, nothing is requested and nothing changes.

    Args:
        asked: the message at the request.
        end: returns the message when a third signal ends the process; None: it raises `KeyboardInterrupt`, in a
            program that is not ours to end.

    Raises:
        StoppedWaiting: inside the `with` block, at a signal while the main thread waits for what does not answer.
        KeyboardInterrupt: inside the `with` block, at a third signal, unless there is `end`.
    """
    stop = Stop()
    insistence = Insistence(end)
    said, count = False, 0

    def at_once(number: int) -> None:
        nonlocal said
        if not said:
            said = True
            logger.warning("%s", asked)
        insistence.hear(number)

    def in_turn(number: int) -> None:
        nonlocal count
        stop.requested = True
        count += number in ENDING
        if end is None and count >= AT_ONCE:
            raise KeyboardInterrupt
        if is_silent_here():
            raise StoppedWaiting

    with heard(ASKING, at_once, in_turn):
        yield stop
