"""The command `simcore evaluate`."""

from dataclasses import dataclass, field
from pathlib import Path

from tyro.conf import Positional

from simcore.commands.console import advancing, say, show_tables
from simcore.commands.results import as_json, publish
from simcore.commands.worlds import changes
from simcore.common.checks import Count, Seed, require_fields
from simcore.common.literals import as_arguments
from simcore.config.run import file_name
from simcore.worlds.api import WorldConfig


@dataclass(frozen=True)
class Evaluate:
    """Evaluate a run's agent in whole episodes of new worlds: return, food eaten and length with 90 % intervals."""

    run: Positional[Path]
    """The run's folder, its exported file, or the name of a shipped one: simcore pretrained."""
    episodes: Count = 100
    """Episodes to play."""
    level: str | None = None
    """Another level than the run's, whose actions begin with those of the agent. The run's changes to its own level's
    preset carry over."""
    world: WorldConfig = field(default_factory=WorldConfig)
    """The worlds, by default the run's own: with the run's name before --help, its flags and its values are shown."""
    greedy: bool = False
    """Take the most likely action instead of sampling one."""
    copies: int | None = None
    """Worlds stepped side by side; none: as many as each of the run's actors had."""
    max_steps: int | None = None
    """Steps after which an episode is stopped, and counts as far as it came; none: the world's own limit, or 10,000 if
    it has none."""
    seed: Seed = 0
    """Seed of the worlds and of sampling."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU if there is one."""
    out: Path | None = None
    """Folder for the results; by default the run's own, or NAME-results: beside an exported file, or in
    runs/ for a shipped one."""

    def execute(self) -> None:
        """Write the results, and print the table."""
        from simcore.analysis.evaluation import evaluate
        from simcore.analysis.loading import load_run
        from simcore.analysis.worlds import kept
        from simcore.figures import evaluation_table
        from simcore.runs import open_run

        require_fields("--", self)
        run = open_run(self.run)
        loaded = load_run(run, self.device)
        changed = changes(self.world, loaded.config, self.level)
        with advancing() as advance:
            evaluation = evaluate(
                loaded,
                self.episodes,
                self.level,
                self.greedy,
                self.seed,
                world=changed,
                copies=self.copies,
                max_steps=self.max_steps,
                advance=advance,
            )
        how = "greedy" if self.greedy else "sampled"
        title = f"{run.name} {loaded.age}, {self.episodes} episodes of {evaluation.level}, {how}"
        notes = []
        if evaluation.level != loaded.config.level:
            notes.append(f"Of the run's own world: {as_arguments(kept(loaded.config, evaluation.level))}")
        if changed:
            notes.append(f"Changed for this evaluation: {as_arguments(changed)}")
        stopped = evaluation.stopped
        if any(stopped.values()):
            notes.append(
                f"Stopped after {evaluation.max_steps:,} steps before they had ended: {stopped['agent']} episodes of "
                f"the agent, {stopped['random']} of the random policy; they count as far as they came"
            )
        report = {
            "update": loaded.update,
            "updates": loaded.config.learning.updates,
            "episodes": self.episodes,
            "greedy": self.greedy,
            "seed": self.seed,
        }

        def show() -> None:
            show_tables(evaluation_table(evaluation, title))
            say(*notes)

        file = f"evaluation-{file_name(evaluation.level)}.json"
        publish(self.out or run.path, {file: as_json(report | evaluation.report())}, show)
