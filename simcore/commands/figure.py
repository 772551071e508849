"""The command `simcore figure`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from simcore.commands.console import advancing, say
from simcore.commands.results import publish
from simcore.commands.worlds import changes
from simcore.config.run import Config
from simcore.worlds.api import WorldConfig


@dataclass(frozen=True)
class Figure:
    """Plot a figure of the paper, or curves over seeds, from runs."""

    which: Positional[Literal["curves", "9", "10", "11", "12", "13", "14"]]
    """curves: a metric over frames or seconds, where runs whose configurations differ only in the seed make one curve
    (App. E). 9: κ against map MSE. 10: maps of several models, by overshoot. 11: the map along episodes, and samples of
    it. 12: map error along a trajectory. 13, 14: inputs above samples."""
    runs: Positional[tuple[Path, ...]] = ()
    """The runs' folders; for 9 to 14 also exported files, and names of shipped runs."""
    world: WorldConfig = field(default_factory=WorldConfig)
    """The worlds, by default the run's own: with the run's name before --help, its flags and its values are shown."""
    metric: str = "return"
    """Of curves: a name in the runs' metrics.jsonl, such as return, food or probes/map_mse; the part after the slash
    is enough if it is unique."""
    over: Literal["frames", "seconds"] = "frames"
    """Of curves: the x axis, frames or seconds of computing."""
    region: Literal["student", "bootstrap"] = "student"
    """Of curves: the 90 % region over seeds, by Student's t or by a bootstrap (too narrow for fewer than ten)."""
    reach: float | None = None
    """Of curves: a level of the metric; prints after how many frames or seconds each setting's runs reach it."""
    title: str = ""
    """Of curves: the title; by default the metric."""
    seed: int = 0
    """Seed of the held-out worlds that are shown."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU if there is one."""
    out: Path | None = None
    """The files' path without suffix, to which .png and .pdf are added; by default figure-<which>."""

    def execute(self) -> None:
        """Write the figure as PNG and PDF."""
        from simcore.figures import figure_file, plot_curves, plot_paper_figure
        from simcore.runs import open_run

        if self.which == "curves":
            figure = plot_curves(self.runs, self.metric, self.region, self.title, say, self.over, self.reach)
        else:
            first = [Config.from_dict(open_run(run).config) for run in self.runs[:1]]
            changed = changes(self.world, first[0]) if first else {}
            with advancing() as advance:
                figure = plot_paper_figure(self.which, self.runs, self.device, self.seed, changed, advance)
        out = self.out or Path(f"figure-{self.which}")
        publish(out.parent, {f"{out.name}.{kind}": figure_file(figure, kind, dpi=200) for kind in ("png", "pdf")})
