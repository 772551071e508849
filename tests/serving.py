"""A live server in a thread, for tests."""

import contextlib
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from scenes import longer, scene_of
from simcore.viewer.description import describe
from simcore.viewer.scene import Scene
from simcore.viewer.server import LiveServer
from tinier import tinier

PATIENCE = 60.0
"""Seconds after which something that does not come is taken as missing."""


@contextlib.contextmanager
def serving(
    make_scene: Callable[[], Scene] = lambda: scene_of(longer(tinier())),
    pace: float = 20.0,
    names: tuple[str, ...] = ("one", "other"),
) -> Iterator[LiveServer]:
    """Serve a scene in a thread."""
    server = LiveServer(make_scene, lambda scene: describe(scene, names[: len(scene.runs)]), port=0, pace=pace)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            server.run()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="server")
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert failures in ([], [server.worker.failure])


def resident() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
