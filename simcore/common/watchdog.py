"""A watchdog: says what has not answered for long, such as a world that hangs, and can give it up."""

import logging
import threading
import time
import weakref
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds without an answer after which this is reported. A start or a compilation may take longer: it is only a
line."""
GIVE_UP = 10
"""Times the patience, after which what has not answered counts as dead."""
LOOK = 0.5
"""Seconds between two looks of the watchdog, at most; a quarter of the least patience where that is less."""

logger = logging.getLogger(__name__)


class StoppedWaiting(BaseException):
    """The process was asked to end while it waited for something that does not answer."""


class Watch:
    """A stamp: since when a thread has been waiting, for a watchdog thread to read. It costs two assignments.

    The thread waits in a `with` block. When that lasts longer than the patience, a line is logged, again after twice
    the time, four times, and so on.

    Args:
        what: says what has not happened, as "environment 3 has not answered"; called when that is said. None: another
            watch says it.
        patience: seconds until the first line.
        give_up: called once in the watchdog's thread, with a description, after `GIVE_UP` times the patience.
    """

    def __init__(
        self, what: Callable[[], str] | None, patience: float = PATIENCE, give_up: Callable[[str], None] | None = None
    ) -> None:
        self._what = what
        self.patience = patience
        self._give_up = give_up
        self._since: float | None = None
        self._thread = 0
        self._due = 0.0
        self._given_up = False
        _watchdog.add(self)

    def __enter__(self) -> None:
        self._thread = threading.get_ident()
        self._due = self.patience
        self._given_up = False
        self._since = time.monotonic()

    def __exit__(self, *exception: object) -> None:
        self._since = None

    @property
    def waited(self) -> float:
        """Seconds for which a thread has been waiting; 0 if none is."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def is_silent_here(self) -> bool:
        """Whether the thread that asks, in a signal's handler, is waiting, and for longer than the patience."""
        return self._thread == threading.get_ident() and self.waited > self.patience

    def check(self) -> None:
        """Say what has not answered, and give it up, if it is time; called by the watchdog."""
        waited = self.waited
        if self._what is None:
            return
        if waited > self._due:
            self._due = 2 * waited
            logger.warning("%s", describe(self._what(), waited))
        if waited > GIVE_UP * self.patience and self._give_up is not None and not self._given_up:
            self._given_up = True
            self._give_up(describe(self._what(), waited))


def describe(what: str, waited: float) -> str:
    """Return in words what has not happened for some seconds."""
    return f"{what} for {waited:.0f} s, since {time.strftime('%H:%M:%S', time.localtime(time.time() - waited))}"


class _Watchdog:
    """The thread that looks at all watches of this process; it starts with the first."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal's handler may look while its own thread adds a watch
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self._started = False

    def add(self, watch: Watch) -> None:
        with self._lock:
            self._watches.add(watch)
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def watches(self) -> list[Watch]:
        with self._lock:
            return list(self._watches)

    def pause(self) -> float:
        """Return the seconds until the next look at the watches that there are."""
        return min([LOOK, *(watch.patience / 4 for watch in self.watches())])

    def check(self) -> None:
        for watch in self.watches():
            watch.check()

    def _run(self) -> None:
        while True:  # with no watch in a variable, which would never go
            time.sleep(self.pause())
            self.check()


_watchdog = _Watchdog()


def is_silent_here() -> bool:
    """Return whether this thread, in a signal's handler, is waiting for something that has not answered for long."""
    return any(watch.is_silent_here for watch in _watchdog.watches())
