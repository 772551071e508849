"""The worker of the live page: the one thread that owns the scene and the nets."""

import itertools
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from simcore.viewer.conductor import PACE, Conductor, Kind
from simcore.viewer.messages import Command, encode_view
from simcore.viewer.scene import Scene

Publish = Callable[[Kind, bytes], None]
"""Takes an encoded view to all pages; called in the worker's thread."""

LAST_COUNTS = ("look", "pace", "sharp", "history")
"""Commands of which, if repeated, only the last counts."""
WAITING = 256
"""The most commands that wait; later ones are refused."""


class Worker:
    """Makes the scene in a thread of its own, and leads it there until it is stopped.

    Args:
        make_scene: makes the scene; it may take long.
        publish: takes views to the pages.
        describe: returns what pages learn about the scene at first.
        pace: steps a second at first.
    """

    def __init__(
        self,
        make_scene: Callable[[], Scene],
        publish: Publish,
        describe: Callable[[Scene], dict[str, Any]],
        pace: float = PACE,
    ) -> None:
        self.failure: BaseException | None = None
        """What ended the worker, if anything did."""
        self._make_scene = make_scene
        self._publish = publish
        self._describe = describe
        self._pace = pace
        self._commands: deque[Command] = deque()
        self._changed = threading.Condition()
        self._is_stopped = False
        self._is_watched = False
        self._is_making = True
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ask(self, command: Command) -> bool:
        """Pass on a command, from any thread; return whether it was taken."""
        with self._changed:
            if len(self._commands) >= WAITING:
                return False
            self._commands.append(command)
            self._changed.notify()
        return True

    def watch(self, is_watched: bool) -> None:
        """Step automatically only while there are viewers; at first there are none. From any thread."""
        with self._changed:
            self._is_watched = is_watched
            self._changed.notify()

    def stop(self, patience: float = 10.0) -> None:
        """End the thread, and wait for it, some seconds at most; not where it still makes the scene."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        if self.is_alive:
            self._thread.join(0.0 if self._is_making else patience)

    @property
    def is_alive(self) -> bool:
        """Whether the thread is running, as it is after `stop` until the scene is made."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            scene = self._make_scene()
            self._is_making = False
            try:
                self._lead(scene)
            finally:
                scene.close()
        except BaseException as error:
            self.failure = error
            self._tell("failed", {"text": str(error) or type(error).__name__})

    def _lead(self, scene: Scene) -> None:
        """Obey commands and step until the worker is stopped."""
        conductor = Conductor(scene, self._tell, self._pace)
        self._tell("hello", self._describe(scene))
        conductor.begin()
        while (commands := self._wait(conductor)) is not None:
            for command, after in itertools.zip_longest(commands, commands[1:]):
                if after is None or command.do != after.do or command.do not in LAST_COUNTS:
                    conductor.obey(command)
            until = conductor.until_due()
            if until is not None and until <= 0 and self._is_watched:
                conductor.step_in_time()
            if conductor.is_imagining:  # also where steps are late
                conductor.imagine_on()

    def _wait(self, conductor: Conductor) -> list[Command] | None:
        """Wait until there is something to do, and return the commands that have come; None: the worker is stopped."""
        with self._changed:
            if not (self._commands or self._is_stopped or conductor.is_imagining):
                self._changed.wait(conductor.until_due() if self._is_watched else None)
            commands = list(self._commands)
            self._commands.clear()
            return None if self._is_stopped else commands

    def _tell(self, kind: Kind, view: Any) -> None:
        self._publish(kind, encode_view(kind, view))
