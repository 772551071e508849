"""The command `simcore evaluate`."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from simcore.commands.console import wide_console
from simcore.commands.results import as_json, publish
from simcore.common.checks import Count, require_fields
from simcore.config.run import file_name


@dataclass(frozen=True)
class Evaluate:
    """Evaluate a run's agent in whole episodes of new worlds: return, food eaten and length with 90 % intervals."""

    run: Positional[Path]
    """The run's folder, or its exported file."""
    episodes: Count = 100
    """Episodes to play."""
    level: str | None = None
    """Another level than the run's; its actions must begin with those of the agent."""
    greedy: bool = False
    """Take the most likely action instead of sampling one."""
    seed: int = 0
    """Seed of the worlds and of sampling."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU where there is one."""
    out: Path | None = None
    """Folder for the results; by default the run's own, or NAME-results beside an exported file."""

    def execute(self) -> None:
        """Write the results, and print the table."""
        from simcore.analysis.evaluation import evaluate
        from simcore.analysis.loading import load_run
        from simcore.figures import evaluation_table
        from simcore.runs import open_run

        require_fields("--", self)
        run = open_run(self.run)
        loaded = load_run(run, self.device)
        evaluation = evaluate(loaded, self.episodes, self.level, self.greedy, self.seed)
        how = "greedy" if self.greedy else "sampled"
        title = f"{run.name} after {loaded.update:,} updates, {self.episodes} episodes of {evaluation.level}, {how}"
        report = {"update": loaded.update, "episodes": self.episodes, "greedy": self.greedy, "seed": self.seed}
        publish(
            self.out or run.path,
            {f"evaluation-{file_name(evaluation.level)}.json": as_json(report | evaluation.report())},
            lambda: wide_console().print(evaluation_table(evaluation, title)),
        )
