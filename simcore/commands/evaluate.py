"""The command `simcore evaluate`."""

import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional

from simcore.commands.console import say
from simcore.common.atomic import write_atomically
from simcore.config.run import file_name


@dataclass(frozen=True)
class Evaluate:
    """Evaluate a run's agent in whole episodes of new worlds: return, food eaten and length with 90 % intervals."""

    run: Positional[Path]
    """The run's folder, or its exported file."""
    episodes: int = 100
    """Episodes to play."""
    level: str | None = None
    """Another level than the run's; its actions must begin with those of the agent."""
    greedy: bool = False
    """Take the most likely action instead of sampling one."""
    seed: int = 0
    """Seed of the worlds and of sampling."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU where there is one."""

    def execute(self) -> None:
        """Print the table, and write it into the run's folder."""
        from simcore.analysis.evaluation import evaluate
        from simcore.analysis.loading import load_run
        from simcore.figures import evaluation_table
        from simcore.runs import open_run

        run = open_run(self.run)
        loaded = load_run(run, self.device)
        evaluation = evaluate(loaded, self.episodes, self.level, self.greedy, self.seed)
        how = "greedy" if self.greedy else "sampled"
        title = f"{run.name} after {loaded.update:,} updates, {self.episodes} episodes of {evaluation.level}, {how}"
        Console().print(evaluation_table(evaluation, title))
        file = run.results() / f"evaluation-{file_name(evaluation.level)}.json"
        report = {"update": loaded.update, "episodes": self.episodes, "greedy": self.greedy, "seed": self.seed}
        write_atomically(file, (json.dumps(report | evaluation.report(), indent=1) + "\n").encode())
        say(f"Written: {file}")
