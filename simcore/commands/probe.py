"""`simcore probe`."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional

from simcore.commands.console import say
from simcore.errors import UserError


@dataclass(frozen=True)
class Probe:
    """Measure what a run's belief knows of worlds that it was not trained on."""

    run: Positional[Path]
    """The run's folder."""
    worlds: int = 256
    """Held-out worlds to measure in, one episode each."""
    oracle: Path | None = None
    """The folder of a run with --supervised in the same worlds, to put beside the belief."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU where there is one."""

    def execute(self) -> None:
        """Print the table, and write it with the figures into the run's folder."""
        from simcore.figures import (
            course_figure,
            fading_table,
            knowledge_figure,
            knowledge_table,
            maps_figure,
            metric_columns,
            trajectory_error,
            trajectory_error_figure,
        )
        from simcore.inspection import imagine_maps, load_run, measure
        from simcore.runs import RunFolder

        if self.worlds < 1:
            raise UserError(f"--worlds is {self.worlds}; it must be at least 1")
        folder = RunFolder.open(self.run)
        loaded = load_run(folder, self.device)
        metrics = metric_columns(folder.metrics)
        oracle = load_run(RunFolder.open(self.oracle), self.device) if self.oracle is not None else None
        scores = measure(loaded, self.worlds, oracle=oracle)
        maps = imagine_maps(loaded)
        title = f"{self.run.name} after {loaded.update:,} updates, {self.worlds} held-out worlds"
        Console().print(knowledge_table(scores, title), fading_table(scores))
        report = {
            "update": loaded.update,
            "worlds": self.worlds,
            "oracle": str(self.oracle) if self.oracle is not None else None,
            "overall": {name: score.overall() for name, score in scores.items()},
            "by_time": {
                name: {key: finite(values) for key, values in score.by_time().items()} for name, score in scores.items()
            },
            "map_mse_by_steps_since_seen": {name: finite(score.fading.by_age()) for name, score in scores.items()},
        }
        spread = maps.spread()
        if spread is not None:
            report["variance_of_map_samples"] = spread._asdict()
            parts = f"{spread.seen:.1%} on cells seen so far, {spread.unseen:.1%} on cells not yet seen"
            say(f"Variance of map samples, as part of that between worlds: {parts}")
        knowledge_figure(scores, title).savefig(self.run / "probe.png", dpi=150)
        title = f"{self.run.name} after {loaded.update:,} updates, held-out worlds"
        maps_figure(maps, title).savefig(self.run / "maps.png", dpi=150)
        trajectory = trajectory_error(loaded, loaded.config.seed)
        trajectory_error_figure(trajectory, title.replace("worlds", "world")).savefig(
            self.run / "trajectory.png", dpi=150
        )
        (self.run / "probe.json").write_text(json.dumps(report, indent=1) + "\n")
        course = course_figure(
            metrics,
            scores["constant"].overall(),
            loaded.config.geco.kappa if loaded.config.draws_frames else None,
            f"{self.run.name}, the course of training (seed {loaded.config.seed})",
        )
        course.savefig(self.run / "course.png", dpi=150)
        written = ("probe.png", "maps.png", "trajectory.png", "course.png", "probe.json")
        say(f"Written: {', '.join(str(self.run / name) for name in written)}")


def finite(values: Iterable[float]) -> list[float | None]:
    """Return numbers as JSON can hold them: None for NaN."""
    return [None if math.isnan(value) else float(value) for value in values]
