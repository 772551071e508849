"""The command `simcore probe`."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

from simcore.commands.console import advancing, say, wide_console
from simcore.common.errors import UserError

if TYPE_CHECKING:
    from simcore.analysis.loading import LoadedRun
    from simcore.analysis.maps import Maps
    from simcore.analysis.scores import Scores


@dataclass(frozen=True)
class Probe:
    """Measure by probes what a run's belief knows of held-out worlds.

    Fresh probes are trained to the end on the frozen belief, and stored in the run's folder; the controls are the same
    probes on the belief of an untrained agent, and on the current frame alone.
    """

    run: Positional[Path]
    """The run's folder, or its exported file."""
    worlds: int = 256
    """Held-out worlds to measure in, one episode each."""
    oracle: Path | None = None
    """A run with --supervised in the same worlds, to compare with the belief."""
    online: bool = False
    """Read the belief by the probes trained along with it: no training, but they lag behind it and understate it."""
    of: Literal["hidden", "state"] = "hidden"
    """What the probes read: b_t as in the paper, or the LSTM's cell as well."""
    controls: bool = True
    """Measure the untrained agent and the current frame too; each takes as long as the belief itself."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU where there is one."""

    def execute(self) -> None:
        """Print the tables, and write scores and figures into the run's folder."""
        from simcore.analysis.loading import load_run
        from simcore.analysis.maps import has_maps, imagine_maps
        from simcore.analysis.measuring import measure
        from simcore.figures import course_figure, error_by_age_table, knowledge_figure, knowledge_table, metric_columns
        from simcore.runs import RunFolder, open_run

        if self.worlds < 1:
            raise UserError(f"--worlds is {self.worlds}; it must be at least 1")
        if self.online and self.of != "hidden":
            raise UserError("--online reads the belief as it was read in training: --of is then hidden")
        run = open_run(self.run)
        loaded = load_run(run, self.device, self.online)
        metrics = metric_columns(run.metrics) if isinstance(run, RunFolder) else None  # an exported run has none
        oracle = load_run(open_run(self.oracle), self.device) if self.oracle is not None else None
        with advancing() as advance:
            scores = measure(loaded, self.worlds, oracle=oracle, controls=self.controls, of=self.of, advance=advance)
            maps = imagine_maps(loaded) if has_maps(loaded.config) else None
        what = "b_t and the LSTM's cell" if self.of == "state" else "b_t"
        title = f"{run.name} after {loaded.update:,} updates: {self.read} of {what}, {self.worlds} held-out worlds"
        tables = (knowledge_table(scores, title), error_by_age_table(scores))
        wide_console().print(*(table for table in tables if table is not None))
        report = self.report(loaded.update, scores)
        out = run.results()
        knowledge_figure(scores, title).savefig(out / "probe.png", dpi=150)
        written = ["probe.png"]
        if maps is not None:
            report |= self.draw_maps(loaded, maps, f"{run.name} after {loaded.update:,} updates, held-out worlds", out)
            written += ["maps.png", "trajectory.png"]
        else:
            say(f"Left out: maps.png and trajectory.png, since {loaded.config.level} tells no map as our levels do")
        (out / "probe.json").write_text(json.dumps(report, indent=1) + "\n")
        if metrics is not None:
            course = course_figure(
                metrics,
                scores["constant"].overall(),
                loaded.config.geco.kappa if loaded.config.draws_frames else None,
                f"{run.name}, the course of training (seed {loaded.config.seed})",
            )
            course.savefig(out / "course.png", dpi=150)
            written.append("course.png")
        say(f"Written: {', '.join(str(out / name) for name in (*written, 'probe.json'))}")

    @property
    def read(self) -> str:
        """The name of the probes that read the belief."""
        return "online probes" if self.online else "fresh probes"

    def report(self, update: int, scores: "dict[str, Scores]") -> dict[str, Any]:
        """Return the scores by predictor, for JSON."""
        from simcore.analysis.scores import left

        by_age = {name: score.error_by_age for name, score in scores.items() if score.error_by_age is not None}
        ages = {name: finite(error.by_age()) for name, error in by_age.items()}
        return {
            "update": update,
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

    def draw_maps(self, loaded: "LoadedRun", maps: "Maps", title: str, out: Path) -> dict[str, Any]:
        """Write the figures that need a map; return the variance of the map's samples, if any, for the report."""
        from simcore.figures import maps_figure, trajectory_error, trajectory_error_figure

        maps_figure(maps, title).savefig(out / "maps.png", dpi=150)
        trajectory = trajectory_error(loaded, loaded.config.seed)
        trajectory_error_figure(trajectory, title.replace("worlds", "world")).savefig(out / "trajectory.png", dpi=150)
        variance = maps.sample_variance()
        if variance is None:
            return {}
        parts = f"{variance.seen:.1%} on cells seen so far, {variance.unseen:.1%} on cells not yet seen"
        say(f"Variance of map samples, as part of that between worlds: {parts}")
        return {"variance_of_map_samples": nulls(variance._asdict())}


def finite(values: Iterable[float]) -> list[float | None]:
    """Return numbers for JSON, with None for NaN."""
    return [None if math.isnan(value) else float(value) for value in values]


def nulls(values: dict[str, float]) -> dict[str, float | None]:
    """Return named numbers for JSON, with None for NaN."""
    return dict(zip(values, finite(values.values()), strict=True))
