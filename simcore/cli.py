"""The command line: `simcore train`, `probe`, `rollout`, `evaluate`, `figure`, `sweep`."""

import io
import itertools
import json
import math
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from tyro.conf import Positional, subcommand

from simcore.config import Config, file_name
from simcore.errors import UserError
from simcore.presets import preset


@dataclass(frozen=True)
class Train:
    """Train in a world, or go on where a run stopped: the same command again, or --resume RUN, resumes it."""

    config: Annotated[Config, tyro.conf.arg(name="")] = field(default_factory=lambda: preset("tiny"))
    run: Path | None = None
    """The run's folder; by default runs/<level>-<preset>-<seed>, or -<core>-<seed> with a memory."""
    resume: Path | None = None
    """Go on with the run in this folder, with the configuration it has; takes no other flag."""

    def execute(self) -> None:
        """Train, and say where the results are and what to type next."""
        # Imported here, so that --help and bad flags do not wait for PyTorch and the compiler.
        from simcore.runs import RunFolder
        from simcore.training import check, train

        if self.resume is not None:
            folder = RunFolder.open(self.resume)
            config = Config.from_dict(folder.config)
        else:
            config = self.config
            check(config)  # complains before a folder is made
            path = self.run or Path("runs") / config.run_name
            if (path / "config.json").exists():
                folder = RunFolder.open(path)
                require_same(config, Config.from_dict(folder.config), path)
            else:
                folder = RunFolder.create(path, config.to_dict())
        complete = train(config, folder)
        state = "Done" if complete else "Stopped, with a checkpoint"
        verbs = ["evaluate"] if config.policy == "agent" else []
        verbs += ["probe"] if config.has_probes else []
        verbs += ["rollout"] if config.draws_frames else []
        following = [f"simcore {verb} {folder.path}" for verb in verbs]
        if not complete:
            following.insert(0, f"simcore train --resume {folder.path}")
        say(f"{state}. Metrics, checkpoints and TensorBoard's files are in {folder.path}", "Next:", *following)


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


@dataclass(frozen=True)
class Rollout:
    """Show what a run's model expects to see: true frames above sampled ones, the true map beside the decoded one."""

    run: Positional[Path]
    """The run's folder."""
    worlds: int = 4
    """Held-out worlds to show."""
    context: int | None = None
    """Frames that the belief sees before the simulation goes on alone; none: all but the last --steps."""
    steps: int = 12
    """Steps of simulation without frames."""
    seed: int = 0
    """Chooses the worlds, and what is drawn."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU where there is one."""

    def execute(self) -> None:
        """Write the picture and the animation into the run's folder."""
        from simcore.figures import rollout_animation, rollout_figure
        from simcore.inspection import load_run, roll_out
        from simcore.runs import RunFolder

        loaded = load_run(RunFolder.open(self.run), self.device)
        rollout = roll_out(loaded, self.worlds, self.context, self.steps, self.seed)
        picture, animation = self.run / "rollout.png", self.run / "rollout.gif"
        title = f"{self.run.name} after {loaded.update:,} updates; red: simulated without frames"
        rollout_figure(rollout, title).savefig(picture, dpi=150)
        first, *rest = rollout_animation(rollout)
        first.save(animation, save_all=True, append_images=rest, duration=250, loop=0)
        say(f"Written: {picture}, {animation}")


@dataclass(frozen=True)
class Evaluate:
    """Let a run's agent play whole episodes in new worlds: return, food eaten and length with 90 % intervals."""

    run: Positional[Path]
    """The run's folder."""
    episodes: int = 100
    """Episodes to play."""
    level: str | None = None
    """Another level than the run's, whose actions begin with those that the agent knows."""
    greedy: bool = False
    """Take the most likely action in place of drawing one."""
    seed: int = 0
    """Chooses the worlds, and what is drawn."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU where there is one."""

    def execute(self) -> None:
        """Print the table, and write it into the run's folder."""
        from simcore.evaluation import evaluate
        from simcore.figures import evaluation_table
        from simcore.inspection import load_run
        from simcore.runs import RunFolder

        loaded = load_run(RunFolder.open(self.run), self.device)
        evaluation = evaluate(loaded, self.episodes, self.level, self.greedy, self.seed)
        how = "greedy" if self.greedy else "sampled"
        title = (
            f"{self.run.name} after {loaded.update:,} updates, {self.episodes} episodes of {evaluation.level}, {how}"
        )
        Console().print(evaluation_table(evaluation, title))
        file = self.run / f"evaluation-{file_name(evaluation.level)}.json"
        report = {"update": loaded.update, "episodes": self.episodes, "greedy": self.greedy, "seed": self.seed}
        file.write_text(json.dumps(report | evaluation.report(), indent=1) + "\n")
        say(f"Written: {file}")


@dataclass(frozen=True)
class Figure:
    """Draw a figure of the paper, or curves over seeds, from runs."""

    which: Positional[Literal["curves", "9", "10", "11", "12", "13", "14"]]
    """curves: a metric over frames, where runs that differ only in their seed make one curve (App. E). 9: κ against map
    MSE. 10: maps of several models, by overshoot. 11: the map along episodes, and samples of it. 12: map error along a
    trajectory. 13, 14: inputs above samples."""
    runs: Positional[tuple[Path, ...]] = ()
    """The runs' folders."""
    metric: str = "return"
    """Of curves: a name in the runs' metrics.jsonl, as return, food, map_mse or cell_accuracy."""
    region: Literal["student", "bootstrap"] = "student"
    """Of curves: the 90 % region over seeds, by Student's t or by a bootstrap."""
    title: str = ""
    """Of curves: the title; by default the metric."""
    seed: int = 0
    """Chooses the held-out worlds that are shown."""
    device: str = "auto"
    """cpu, cuda, ...; auto takes a GPU where there is one."""
    out: Path | None = None
    """Where to: a path without its ending, to which .png and .pdf are added; by default figure-<which>, here."""

    def execute(self) -> None:
        """Write the figure, as PNG and as PDF."""
        from simcore.figures import draw_curves, draw_paper_figure

        if self.which == "curves":
            figure = draw_curves(self.runs, self.metric, self.region, self.title)
        else:
            figure = draw_paper_figure(self.which, self.runs, self.device, self.seed)
        out = self.out or Path(f"figure-{self.which}")
        try:
            for ending in (".png", ".pdf"):
                file = out.with_name(out.name + ending)
                figure.savefig(file, dpi=200)
                say(f"Written: {file}")
        except OSError as error:
            raise UserError(f"cannot write {out}: {error.strerror}; name another file by --out") from error


def finite(values: Iterable[float]) -> list[float | None]:
    """Return numbers as JSON can hold them: None for NaN."""
    return [None if math.isnan(value) else float(value) for value in values]


@dataclass(frozen=True)
class Sweep:
    """Run all settings of a sweep's file, for all its models and seeds, and tell the best setting of each model.

    The same command again goes on with what is missing. Exit code 1: a run has failed; 130: it was interrupted.
    """

    spec: Positional[Path]
    """The sweep's TOML file; docs/sweeps.md says what it may say."""
    out: Path | None = None
    """The sweep's folder; by default sweeps/ and the file's name."""
    jobs: int | None = None
    """Runs at a time; by default 1 here, and on Ray as many as there is room for."""
    executor: Literal["processes", "ray"] = "processes"
    """Where runs are processes: on this machine, or on a Ray cluster whose machines share the sweep's folder."""
    ray_address: str | None = None
    """The Ray cluster to join, as in ray.init; none: one on this machine."""
    retry_failed: bool = False
    """Try the runs again that have failed, from their newest checkpoints."""
    all: bool = False
    """Show and draw every setting, not each model's best alone."""
    dry_run: bool = False
    """Say what would be run, and do nothing."""

    def execute(self) -> None:
        """Run what is missing; print the table, and write it with the curves into the sweep's folder."""
        from simcore.sweeps import (
            SweepFolder,
            make_executor,
            plan_sweep,
            report_sweep,
            report_table,
            run_sweep,
            write_results,
        )

        plan, data = plan_sweep(self.spec)
        if self.dry_run:
            updates = sum(run.config.learning.updates for run in plan.runs)
            say(*(run.name for run in plan.runs), f"{len(plan.runs)} runs, {updates:,} updates in all")
            return
        path = self.out or Path("sweeps") / self.spec.stem
        executor = make_executor(plan, self.executor, self.ray_address, self.jobs)
        folder = SweepFolder.prepare(path, data, plan)
        complete = run_sweep(folder, executor, self.retry_failed, say)
        report = report_sweep(folder)
        title = f"{path.name}: {plan.metric} in {plan.worlds} validation worlds, then all in as many test worlds"
        wide_console().print(report_table(report, title, self.all))
        for file in write_results(folder, report, self.all):
            say(f"Written: {file}")
        failures = folder.failures()
        for run, error in failures:
            say(f"FAILED: {run.name}: {error}; see {folder.files(run).log}")
        if not complete:
            say("Stopped; the same command goes on with what is missing")
            sys.exit(130)
        if failures:
            say("The same command with --retry-failed tries these again")
            sys.exit(1)


def require_same(asked: Config, recorded: Config, path: Path) -> None:
    """Raise `UserError` unless a run has the configuration that is asked for."""
    if asked == recorded:
        return
    differing = [f.name for f in fields(Config) if getattr(asked, f.name) != getattr(recorded, f.name)]
    raise UserError(
        f"{path} holds a run with another {', '.join(differing)}; "
        f"go on with it by --resume {path}, or name a new folder by --run"
    )


Command = Train | Probe | Rollout | Evaluate | Figure | Sweep


def say(*lines: str) -> None:
    """Print lines as they are, never wrapped, so that a path can be copied."""
    for line in lines:
        print(line)


def wide_console() -> Console:
    """Return a console that gives a wide table its room where there is no screen to be narrow."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def default_train(arguments: Sequence[str]) -> Train:
    """Return what `train` does unless flags say otherwise: the preset that the arguments name, for their level."""
    if not arguments or arguments[0] != "train":
        return Train()
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--resume")
    known, others = parser.parse_known_args(arguments[1:])
    if known.resume is not None and others:
        raise UserError(f"--resume takes the run's own configuration, so no {' '.join(others)}")
    level = others[0] if others and not others[0].startswith("-") else "RandomCity"
    return Train(preset(known.preset, level))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Bad input is one line on standard error and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        default = default_train(arguments)
        commands = (
            Annotated[Train, subcommand("train", default=default)]
            | Annotated[Probe, subcommand("probe")]
            | Annotated[Rollout, subcommand("rollout")]
            | Annotated[Evaluate, subcommand("evaluate")]
            | Annotated[Figure, subcommand("figure")]
            | Annotated[Sweep, subcommand("sweep")]
        )
        parse(commands, arguments).execute()
    except UserError as error:
        print(f"simcore: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # Whoever read us has seen enough, as `head` has. What is still buffered goes nowhere, without a complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def parse(commands: Any, arguments: Sequence[str]) -> Command:
    """Parse the arguments.

    Raises:
        UserError: a flag is unknown or its value wrong.
    """
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            command: Command = tyro.cli(
                commands,
                prog="simcore",
                description="Belief states shaped by generative models of the environment.",
                args=arguments,
            )
    except SystemExit as stop:
        if stop.code == 0:  # --help
            raise
        raise UserError(unboxed(complaint.getvalue())) from None
    return command


def unboxed(complaint: str) -> str:
    """Return what tyro complains of in a box, drawn with or without lines, as one line: the text below the title."""
    lines = [line.strip(" │╭╮╰╯") for line in complaint.splitlines()][1:]
    body = itertools.dropwhile(is_rule, lines)
    text = " ".join(itertools.takewhile(lambda line: not is_rule(line), body))
    return f"{text.replace('Error parsing __tyro-dummy-inner__.config.', '')}; see simcore --help"


def is_rule(line: str) -> bool:
    """Return whether a line is empty or a horizontal rule."""
    return not line.strip("─-")


if __name__ == "__main__":
    main()
