"""The command `simcore rollout`."""

from dataclasses import dataclass, field
from pathlib import Path

from tyro.conf import Positional

from simcore.commands.console import advancing, say
from simcore.commands.results import publish
from simcore.commands.worlds import changes
from simcore.common.checks import Seed, Width, require_fields
from simcore.worlds.api import WorldConfig


@dataclass(frozen=True)
class Rollout:
    """Show what a run's model imagines: the belief observes an episode's first frames, the simulation continues.

    The decoded map is below the true one, the imagined frames below the true ones.
    """

    run: Positional[Path]
    """The run's folder, its exported file, or the name of a shipped one: simcore pretrained."""
    worlds: Width = 4
    """Held-out worlds to show."""
    world: WorldConfig = field(default_factory=WorldConfig)
    """The worlds, by default the run's own: with the run's name before --help, its flags and its values are shown."""
    context: int | None = None
    """Frames that the belief observes before the simulation continues alone; none: half an episode, 50 at most."""
    steps: int | None = None
    """Steps of simulation without frames; none: 16, or as many as are left of the episode."""
    seed: Seed = 0
    """Seed of the worlds and of sampling."""
    online: bool = False
    """Read the map by the probes trained alongside the belief, at once, rather than by fresh ones, which are trained
    first if there are none yet, for minutes."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU if there is one."""
    out: Path | None = None
    """Folder for the results; by default the run's own, or NAME-results: beside an exported file, or in
    runs/ for a shipped one."""

    def execute(self) -> None:
        """Write the picture and the animation."""
        from simcore.analysis.loading import load_run
        from simcore.analysis.rollout import roll_out
        from simcore.figures import animation_file, figure_file, rollout_animation, rollout_figure
        from simcore.runs import open_run

        require_fields("--", self)
        run = open_run(self.run)
        loaded = load_run(run, self.device, self.online, self.out)
        loaded = loaded.in_worlds(world=changes(self.world, loaded.config))
        with advancing() as advance:
            rollout = roll_out(loaded, self.worlds, self.context, self.steps, self.seed, advance)
        title = f"{run.name} {loaded.age}, in worlds that it was not trained in"
        files = {
            "rollout.png": figure_file(rollout_figure(rollout, title)),
            "rollout.gif": animation_file(rollout_animation(rollout), rollout.context),
        }
        publish(self.out or run.path, files)
        shown = len(rollout.lengths)
        if shown < self.worlds:
            say(f"Only {shown} worlds of {self.worlds} are shown: few episodes have more than {rollout.context} frames")
