"""The command `simcore probe`."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

from simcore.commands.console import advancing, say, show_tables
from simcore.commands.results import as_json, publish
from simcore.commands.worlds import UnknownProbes, changed_probes, changes
from simcore.common.checks import Capacity, require_fields
from simcore.common.errors import UserError
from simcore.common.literals import as_arguments
from simcore.probes.config import ProbesConfig
from simcore.worlds.api import WorldConfig

if TYPE_CHECKING:
    from simcore.analysis.loaded_run import LoadedRun
    from simcore.analysis.maps import Maps
    from simcore.analysis.scores import Scores


@dataclass(frozen=True)
class Probe:
    """Measure with probes what a run's belief knows of held-out worlds.

    Fresh probes are trained in full on the frozen belief, and stored in the run's folder; the controls are the same
    probes on the belief of an untrained agent, and on the current frame alone.
    """

    run: Positional[Path]
    """The run's folder, its exported file, or the name of a shipped one: simcore pretrained."""
    worlds: Capacity = 256
    """Held-out worlds to measure in, one episode each."""
    world: WorldConfig = field(default_factory=WorldConfig)
    """The worlds, by default the run's own: with the run's name before --help, its flags and its values are shown."""
    probes: ProbesConfig = field(default_factory=UnknownProbes)
    """Fresh probes, by default like the run's own: with the run's name before --help, their values are shown."""
    oracle: Path | None = None
    """A run with --supervised in the same worlds, to compare with the belief."""
    online: bool = False
    """Read the belief by the probes trained alongside it: no training, but they lag behind it and understate it."""
    of: Literal["hidden", "state"] = "hidden"
    """What the probes read: b_t, as in the paper, or the core's whole state, with cell and memory."""
    controls: bool = True
    """Measure the untrained agent and the current frame too; each takes as long as the belief itself."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU if there is one."""
    out: Path | None = None
    """Folder for the results and the fresh probes; by default the run's own, or NAME-results: beside an
    exported file, or in runs/ for a shipped one. Results of --online, of --of state, of other worlds and of
    other probes are kept apart, as in probe-online.json."""

    def execute(self) -> None:
        """Write scores and figures, and print the tables."""
        from simcore.analysis.collecting import episode_frames
        from simcore.analysis.loading import load_run
        from simcore.analysis.maps import decode_maps, has_maps
        from simcore.analysis.measuring import CONTROLS, measure
        from simcore.figures import (
            columns_over_frames,
            course_figure,
            error_by_age_table,
            figure_file,
            knowledge_figure,
            knowledge_table,
        )
        from simcore.runs import RunFolder, open_run

        require_fields("--", self)
        if self.online and self.of != "hidden":
            raise UserError("--online reads the belief as it was read in training: --of is then hidden")
        run = open_run(self.run)
        loaded = load_run(run, self.device, self.online, self.out)
        changed = changes(self.world, loaded.config)
        recipe = changed_probes(self.probes, loaded.config)
        if self.online and recipe:
            raise UserError(
                f"--online reads by the run's own probes, for which --probes.{next(iter(recipe))} comes too late"
            )
        loaded = replace(loaded.in_worlds(world=changed).with_probes(**recipe), of=self.of)
        metrics = columns_over_frames(run.metrics) if isinstance(run, RunFolder) else None  # an exported run has none
        oracle = None
        if self.oracle is not None:
            oracle = load_run(open_run(self.oracle), self.device).in_worlds(world=changed).with_probes(**recipe)
        with advancing() as advance:
            controls = CONTROLS if self.controls else ()
            scores = measure(loaded, self.worlds, oracle=oracle, controls=controls, of=self.of, advance=advance)
            maps = decode_maps(loaded) if has_maps(loaded.config) else None
        what = "the whole state" if self.of == "state" else "b_t"
        where = f"held-out worlds with {as_arguments(changed)}" if changed else "held-out worlds"
        read = f"{self.read} ({as_arguments(recipe)})" if recipe else self.read
        title = f"{run.name} {loaded.age}: {read} of {what}, {self.worlds} {where}"
        tables = (knowledge_table(scores, title), error_by_age_table(scores))
        report, notes = self.report(loaded, scores) | {"world": changed, "recipe": recipe}, []
        apart = "".join(f"-{kind}" for kind in self.kinds(bool(changed), bool(recipe)))
        files = {f"probe{apart}.png": figure_file(knowledge_figure(scores, title))}
        if maps is not None:
            state = ", read from the whole state" if self.of == "state" else ""
            pictures = self.map_figures(loaded, maps, f"{run.name} {loaded.age}, {where}{state}")
            files |= {f"{name}{apart}.png": picture for name, picture in pictures.items()}
            variance = maps.sample_variance()
            if variance is not None:
                report["variance_of_map_samples"] = variance._asdict()
                parts = f"{variance.seen:.1%} on cells seen so far, {variance.unseen:.1%} on cells not yet seen"
                notes.append(f"Variance of map samples, as part of that between worlds: {parts}")
        else:
            notes.append(
                f"Left out: maps.png and trajectory.png, since {loaded.config.level} tells no map as our levels do"
            )
        if metrics is not None and not changed:  # the course is of the run's own worlds
            course = course_figure(
                metrics,
                scores["constant"].overall(),
                loaded.config.geco.kappa if loaded.config.draws_frames else None,
                f"{run.name} {loaded.age}, the course of training (seed {loaded.config.seed})",
            )
            files["course.png"] = figure_file(course)

        if not loaded.config.world.episode_length:
            notes.append(
                f"Measured: steps 0 to {episode_frames(loaded.config) - 1} of each episode; --world.episode-length N, "
                "where the world sets no limit itself, measures up to step N"
            )

        def show() -> None:
            show_tables(*tables)
            say(*notes)

        publish(self.out or run.path, files | {f"probe{apart}.json": as_json(report)}, show)

    def kinds(self, elsewhere: bool, recipe: bool) -> Iterator[str]:
        """Yield in what the results differ from those without a suffix: of the run's fresh probes, of b_t, at home."""
        if self.online:
            yield "online"
        if self.of != "hidden":
            yield self.of
        if elsewhere:
            yield "elsewhere"
        if recipe:
            yield "other-probes"

    @property
    def read(self) -> str:
        """The name of the probes that read the belief."""
        return "online probes" if self.online else "fresh probes"

    def report(self, loaded: "LoadedRun", scores: "dict[str, Scores]") -> dict[str, Any]:
        """Return the scores by predictor, for JSON."""
        from simcore.analysis.scores import left

        by_age = {name: score.error_by_age for name, score in scores.items() if score.error_by_age is not None}
        ages = {name: finite(error.by_age()) for name, error in by_age.items()}
        return {
            "update": loaded.update,
            "updates": loaded.config.learning.updates,
            "worlds": self.worlds,
            "probes": self.read,
            "of": self.of,
            "oracle": str(self.oracle) if self.oracle is not None else None,
            "left": {name: nulls(left(score, scores["constant"])) for name, score in scores.items()},
            "overall": {name: nulls(score.overall()) for name, score in scores.items()},
            "by_time": {
                name: {key: finite(values) for key, values in score.by_time().items()} for name, score in scores.items()
            },
            **({"map_mse_by_steps_since_seen": ages} if ages else {}),
        }

    def map_figures(self, loaded: "LoadedRun", maps: "Maps", title: str) -> dict[str, bytes]:
        """Return the figures that need a map, by the names of their files."""
        from simcore.analysis.decoded import trajectory_error
        from simcore.figures import figure_file, maps_figure, trajectory_error_figure

        trajectory = trajectory_error(loaded, loaded.config.seed)
        return {
            "maps": figure_file(maps_figure(maps, title)),
            "trajectory": figure_file(trajectory_error_figure(trajectory, title.replace("worlds", "world"))),
        }


def finite(values: Iterable[float]) -> list[float | None]:
    """Return numbers for JSON, with None for NaN."""
    return [None if math.isnan(value) else float(value) for value in values]


def nulls(values: dict[str, float]) -> dict[str, float | None]:
    """Return named numbers for JSON, with None for NaN."""
    return dict(zip(values, finite(values.values()), strict=True))
