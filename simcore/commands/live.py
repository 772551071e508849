"""The commands `simcore live` and `simcore demo`."""

import contextlib
import os
import sys
import threading
import webbrowser
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional

from simcore.commands.console import advancing, say
from simcore.commands.worlds import changes
from simcore.common.checks import Range, Seed, require, require_fields
from simcore.common.terminal import complain
from simcore.worlds.api import WorldConfig

if TYPE_CHECKING:
    from simcore.runs import AnyRun
    from simcore.viewer.film import Film
    from simcore.viewer.scene import Scene

Port = Annotated[int, Range(0, 65535)]
DEMO_STEPS = 200
"""Steps of the demo's episodes: long enough to see the map form, fade and be imagined."""

FILM_STEPS = 200
"""Default number of steps of a film without a page."""


@dataclass(frozen=True)
class Live:
    """Open a page in which you drive through a run's world, and see what its belief holds of it.

    The page is served from this machine to whoever has its address, which is printed. Ctrl-C ends it.
    """

    run: Positional[Path] = Path("random-city")
    """The run's folder, its exported file, or a shipped belief: simcore pretrained lists them."""
    beside: Path | None = None
    """Another run, whose belief is shown beside the first, in the same world."""
    world: WorldConfig = field(default_factory=WorldConfig)
    """The worlds, by default the run's own: with the run's name before --help, its flags and its values are shown."""
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
    """Write a film of what is shown, NAME.mp4 or NAME.gif."""
    headless: bool = False
    """Show no page; only record, as fast as it goes."""
    steps: Annotated[int, Range(1, 10**6)] | None = None
    """Without a page: the steps to record; none: 200."""
    blindfold_from: Annotated[int, Range(0, 10**6)] | None = None
    """Without a page: the step from which the belief gets no frames; none: it sees all."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU if there is one."""

    def execute(self) -> None:
        """Serve the page until Ctrl-C, or record without one."""
        from simcore.runs import open_run

        require_fields("--", self)
        require(self.record is not None or not self.headless, "--headless shows nothing: name a film by --record")
        alone = {"--steps": self.steps, "--blindfold-from": self.blindfold_from}
        for flag, value in alone.items():
            require(self.headless or value is None, f"{flag} is for a film without a page: say --headless too")
        steps = FILM_STEPS if self.steps is None else self.steps
        require(
            self.blindfold_from is None or self.blindfold_from < steps,
            f"--blindfold-from is {self.blindfold_from}; the film has {steps} steps, and it must be one of them",
        )
        runs = [open_run(path) for path in (self.run, self.beside) if path is not None]
        self.check_worlds(runs)
        is_over = True
        with contextlib.ExitStack() as closing:
            film = self.film(closing)
            if self.headless:
                self.record_alone(runs, film, steps)
            else:
                is_over = self.serve(runs, film)
        if film is not None:
            say(f"Written: {film.file}, {film.pictures} moments")
        if not is_over:  # compiling the world cannot be interrupted, and Python would not end well amid it
            sys.stdout.flush()
            os._exit(0)

    def check_worlds(self, opened: "list[AnyRun]") -> None:
        """Refuse worlds that the runs cannot be shown in, before anything is begun."""
        from simcore.analysis.worlds import in_worlds
        from simcore.config.run import Config
        from simcore.viewer.scene import require_same_worlds

        configs = [Config.from_dict(run.config) for run in opened]
        changed = changes(self.world, configs[0])
        require_same_worlds([in_worlds(config, None, changed) for config in configs])

    def film(self, closing: contextlib.ExitStack) -> "Film | None":
        """Begin the film, if there is to be one."""
        if self.record is None:
            return None
        from simcore.viewer.film import Film

        return closing.enter_context(Film(self.record, self.pace))

    def make_scene(self, opened: "list[AnyRun]") -> "Scene":
        """Load the runs, and make their scene."""
        from simcore.analysis.loading import load_run
        from simcore.viewer.scene import Scene

        runs = [load_run(run, self.device) for run in opened]
        changed = changes(self.world, runs[0].config)
        return Scene([run.in_worlds(world=changed) for run in runs], self.seed)

    def record_alone(self, runs: "list[AnyRun]", film: "Film | None", steps: int) -> None:
        """Record a film without a page."""
        from simcore.viewer.description import describe
        from simcore.viewer.film import record

        assert film is not None, "checked before"
        with contextlib.closing(self.make_scene(runs)) as scene, advancing() as advance:
            described = describe(scene, [run.name for run in runs])
            record(scene, described, film, steps, self.blindfold_from, partial(advance, "recording"))

    def serve(self, runs: "list[AnyRun]", film: "Film | None") -> bool:
        """Serve the page until Ctrl-C; return whether everything it started has ended."""
        from simcore.viewer.description import describe
        from simcore.viewer.server import LOCAL, LiveServer

        names = [run.name for run in runs]
        server = LiveServer(
            lambda: self.make_scene(runs),
            lambda scene: describe(scene, names),
            self.host,
            self.port,
            self.pace,
            (lambda kind, view: None) if film is None else film.take,
        )
        if self.host not in LOCAL:
            complain(f"warning: whoever reaches {self.host} and learns the address can watch and drive")
        say(f"{' beside '.join(names)}: {server.address}", "Ctrl-C ends it.")
        server.run(lambda: show(server.address) if self.open and has_screen() else None)
        return not server.worker.is_alive


@dataclass(frozen=True)
class Demo:
    """Open the page with a belief that comes with SimCore: drive through a city, then press b.

    The same as `simcore live random-city`, with longer episodes than the belief was trained in.
    """

    beside: bool = False
    """Show a belief with a slot memory beside the LSTM's."""
    seed: Seed = 0
    """Seed of the first city."""
    port: Port | None = None
    """The port; none: 8765, or the next that is free; 0: any."""
    open: bool = True
    """Open the page in a browser, where there is a screen."""

    def execute(self) -> None:
        """Serve the page until Ctrl-C."""
        from simcore.config.run import Config
        from simcore.runs import open_run

        require_fields("--", self)
        run = Path("random-city")
        world = replace(Config.from_dict(open_run(run).config).world, episode_length=DEMO_STEPS)
        beside = Path("random-city-slots") if self.beside else None
        Live(run, beside, world, self.seed, port=self.port, open=self.open).execute()


def has_screen() -> bool:
    """Return whether a browser could be seen."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def show(address: str) -> None:
    """Open an address in a browser, if there is one, without waiting for it."""
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
