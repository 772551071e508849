"""The commands `simcore live` and `simcore demo`."""

import os
import sys
import threading
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from simcore.commands.console import say
from simcore.commands.worlds import changes
from simcore.common.checks import Range, Seed, require_fields
from simcore.common.terminal import complain
from simcore.worlds.api import WorldConfig

Port = Annotated[int, Range(0, 65535)]


@dataclass(frozen=True)
class Live:
    """Open a page in which you drive through a run's world, and see what its belief holds of it.

    The page is served from this machine to whoever has its address, which is printed. Ctrl-C ends it.
    """

    run: Positional[Path] = Path("random-city")
    """The run's folder, its exported file, or a shipped belief: simcore pretrained lists them."""
    beside: Path | None = None
    """Another run, whose belief is shown beside, in the same world."""
    world: WorldConfig = field(default_factory=WorldConfig)
    seed: Seed = 0
    """Seed of the first world, and of sampling."""
    pace: Annotated[float, Range(0.1, 60.0)] = 5.0
    """Steps a second, while the walker or the agent drives."""
    host: str = "127.0.0.1"
    """The address to listen at; 0.0.0.0 lets other machines in."""
    port: Port | None = None
    """The port; none: 8765, or the next that is free; 0: any."""
    open: bool = True
    """Open the page in a browser, where there is a screen."""
    record: Path | None = None
    """Write what is shown into this video, NAME.mp4."""
    headless: bool = False
    """Show no page: only record."""
    steps: Annotated[int, Range(1, 10**6)] = 200
    """Steps to record without a page."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU where there is one."""

    def execute(self) -> None:
        """Serve the page until Ctrl-C, or record."""
        from simcore.analysis.loading import LoadedRun, load_run
        from simcore.runs import open_run
        from simcore.viewer.description import describe
        from simcore.viewer.scene import Scene
        from simcore.viewer.server import LOCAL, LiveServer

        require_fields("--", self)
        paths = [self.run] if self.beside is None else [self.run, self.beside]
        opened = [open_run(path) for path in paths]
        names = [run.name for run in opened]

        def make_scene() -> Scene:
            runs: list[LoadedRun] = [load_run(run, self.device) for run in opened]
            changed = changes(self.world, runs[0].config)
            return Scene([run.in_worlds(world=changed) for run in runs], self.seed)

        server = LiveServer(make_scene, lambda scene: describe(scene, names), self.host, self.port, self.pace)
        if self.host not in LOCAL:
            complain(f"warning: whoever reaches {self.host} and learns the address can watch and drive")
        say(f"{' beside '.join(names)}: {server.address}", "Ctrl-C ends it.")
        server.run(lambda: show(server.address) if self.open and has_screen() else None)


def has_screen() -> bool:
    """Return whether a browser could be seen."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def show(address: str) -> None:
    """Open an address in a browser, if there is one, without waiting for it."""
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
