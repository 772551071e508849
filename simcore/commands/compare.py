"""The command `simcore compare`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from simcore.commands.console import advancing, show_tables
from simcore.commands.results import as_json, publish
from simcore.commands.worlds import UnknownProbes, changed_probes, changes
from simcore.common.checks import Capacity, require, require_fields
from simcore.common.literals import as_arguments
from simcore.probes.config import ProbesConfig
from simcore.worlds.api import WorldConfig


@dataclass(frozen=True)
class Compare:
    """Compare what the beliefs of several runs know, setting by setting, as means over seeds with 90 % intervals.

    Fresh probes are trained for each run that has none yet, and stored in its folder. Runs that differ only in the seed
    have one setting. They are compared with an untrained agent and the present frame, measured once for all settings
    that have them in common.
    """

    runs: Positional[tuple[Path, ...]] = ()
    """The runs' folders, exported files, or names of shipped ones; differences are relative to the first run's
    setting."""
    worlds: Capacity = 256
    """Held-out worlds for each seed, one episode each."""
    world: WorldConfig = field(default_factory=WorldConfig)
    """The worlds, by default the run's own: with the run's name before --help, its flags and its values are shown."""
    probes: ProbesConfig = field(default_factory=UnknownProbes)
    """Fresh probes, by default like each run's own: with a run's name before --help, their values are shown."""
    old: tuple[int, ...] = (10,)
    """Steps n: a column for cells that were seen, then out of sight for n steps or more. Several give several."""
    of: Literal["hidden", "state"] = "hidden"
    """What the probes read: b_t, as in the paper, or the core's whole state, with cell and memory."""
    controls: bool = True
    """Measure the untrained agent and the current frame too; each takes as long as a belief."""
    title: str | None = None
    """The figure's title; by default what is compared."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU if there is one."""
    out: Path = Path("comparison")
    """The files' path without suffix, to which .json, .md and .png are added."""

    def execute(self) -> None:
        """Write the comparison as JSON, as tables in Markdown and as a figure, and print the tables."""
        from simcore.analysis.comparing import compare
        from simcore.analysis.loading import load_run
        from simcore.analysis.measuring import CONTROLS
        from simcore.figures import comparison_figure, comparison_grids, figure_file, markdown, rich_table
        from simcore.runs import open_run, require_each_once

        require_fields("--", self)
        require(len(self.runs) > 0, "simcore compare wants runs: their folders, as sweeps/models/runs/*")
        require(all(steps > 0 for steps in self.old), f"--old must be 1 or more, not {min(self.old, default=0)}")
        require_each_once(self.runs)
        loaded = [load_run(open_run(path), self.device) for path in self.runs]
        changed = changes(self.world, loaded[0].config)
        recipe = changed_probes(self.probes, loaded[0].config)
        runs = {
            str(path): run.in_worlds(world=changed).with_probes(**recipe)
            for path, run in zip(self.runs, loaded, strict=True)
        }
        with advancing() as advance:
            comparison = compare(runs, self.worlds, self.old, CONTROLS if self.controls else (), advance, self.of)
        first_grid, *others = comparison_grids(comparison)
        different = changed | {f"probes.{name}": value for name, value in recipe.items()}
        where = f", with {as_arguments(different)}" if different else ""
        grids = [first_grid._replace(title=first_grid.title + where), *others]
        first = next(iter(runs.values())).config
        title = self.title or f"{first.level}, {first.preset}. {grids[0].title}"
        files = {
            f"{self.out.name}.json": as_json(comparison.to_dict() | {"world": changed, "probes": recipe}),
            f"{self.out.name}.md": markdown(grids).encode(),
            f"{self.out.name}.png": figure_file(comparison_figure(comparison, title)),
        }
        publish(self.out.parent, files, lambda: show_tables(*map(rich_table, grids)))
