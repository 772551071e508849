"""Benchmark of the whole loop of acting and learning: frames per second, and the time of each stage.

    python -m benchmarks.training --preset tiny --level Food --repeats 5

By default model-free, and without probes: the agent acts in its worlds, and V-trace's losses train it. Cases: actors in
turn with the learner, with one thread of PyTorch and with all; on threads of their own; and, if they are installed,
Stable-Baselines3's PPO and its recurrent PPO on the same worlds, with the same encoder, LSTM, heads, batch, unroll
length and optimiser: with one pass over each batch, as ours, and with its default of ten. (PPO treats the step between
two episodes as any other, which costs it no time.) All take turns within each repeat; frames per second are medians,
ratios are taken repeat by repeat.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.timing import machine
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.training.training import Training

CPU = torch.device("cpu")
Run = Callable[[int], None]
"""A function that does a number of updates."""


class Ours:
    """A training run of SimCore."""

    def __init__(self, config: Config, threads: int) -> None:
        self.threads = threads
        self.training = Training(config, CPU)
        self.newest: dict[str, float] = {}
        """Seconds by stage, and lags, of the updates of the last call."""
        self.stages: list[dict[str, float]] = []
        """The same of each repeat that is timed."""

    def __call__(self, updates: int) -> None:
        """Do a number of updates."""
        torch.set_num_threads(self.threads)
        for _ in range(updates):
            self.training.update()
        metrics = self.training.take_metrics()
        self.newest = {name: value for name, value in metrics.items() if name.startswith(("seconds/", "lag/"))}


def make_baseline(config: Config, recurrent: bool, passes: int, threads: int) -> Run | None:
    """Make a run of Stable-Baselines3's PPO; None if it is not installed."""
    try:
        from benchmarks.baseline import make_ppo
    except ImportError:
        return None
    learn = make_ppo(config, recurrent, passes)

    def run(updates: int) -> None:
        torch.set_num_threads(threads)
        learn(updates)

    return run


def make_cases(options: argparse.Namespace) -> dict[str, Run]:
    base = replace(preset(options.preset, options.level), frame_model=options.frame_model, core=options.core)
    base = replace(base, learning=replace(base.learning, probe_times=0))  # PPO has no probes either
    cores = options.threads
    cases: dict[str, Run] = {
        "serial, 1 thread": Ours(base, 1),
        f"serial, {cores} threads": Ours(base, cores),
    }
    for actors in options.actors:
        acting = replace(base.acting, actors=actors)
        cases[f"threads, {actors} actor{'s' * (actors > 1)}"] = Ours(
            replace(base, executor="threads", acting=acting), options.learner_threads
        )
    if options.frame_model == "none" and options.core == "lstm":
        for name, recurrent, passes in (
            ("PPO, no LSTM, 1 pass", False, 1),
            ("recurrent PPO, 1 pass", True, 1),
            ("recurrent PPO, 10 passes", True, 10),
        ):
            baseline = make_baseline(base, recurrent, passes, cores)
            if baseline is not None:
                cases[f"{name}, {cores} threads"] = baseline
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="tiny", help="sizes of nets, worlds and batch")
    parser.add_argument("--level", default="Food")
    parser.add_argument("--frame-model", default="none", choices=["none", "convdraw", "deterministic", "contrastive"])
    parser.add_argument("--core", default="lstm", choices=["lstm", "slots", "kanerva"])
    parser.add_argument("--updates", type=int, default=20, help="updates a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="where nothing else runs")
    parser.add_argument("--learner-threads", type=int, default=1, help="where actors run beside the learner")
    parser.add_argument("--actors", type=int, nargs="+", default=[1, 2], help="cases of actors on threads")
    options = parser.parse_args()

    cases = make_cases(options)
    frames = preset(options.preset, options.level).learning.frames_per_update * options.updates
    rates: dict[str, list[float]] = {name: [] for name in cases}
    for repeat in range(options.repeats + 1):
        for name, run in cases.items():
            if repeat == 0 or isinstance(run, Ours):
                run(2)  # actors on threads have worked ahead while others had their turn
            begin = time.perf_counter()
            run(options.updates)
            if repeat > 0:
                rates[name].append(frames / (time.perf_counter() - begin))
                if isinstance(run, Ours):
                    run.stages.append(run.newest)
            pause(run)
    console = Console()
    console.print(machine(CPU))
    console.print(table(rates, options))
    console.print(stages_table(cases))
    for run in cases.values():
        if isinstance(run, Ours):
            run.training.executor.close()


def pause(run: Run) -> None:
    """Wait until actors on threads have filled their queue and idle, so that they do not slow the next case."""
    if isinstance(run, Ours) and run.training.config.executor == "threads":
        time.sleep(1.0)


def table(rates: dict[str, list[float]], options: argparse.Namespace) -> Table:
    title = f"{options.level}, {options.preset}, frame model {options.frame_model}, core {options.core}"
    result = Table("case", title=f"Acting and learning: {title}", title_justify="left")
    first = next(iter(rates))
    for column in ("frames/s", "least", "most", f"x {first}"):
        result.add_column(column, justify="right")
    for name, values in rates.items():
        ratio = statistics.median(value / base for value, base in zip(values, rates[first], strict=True))
        cells = (f"{value:,.0f}" for value in (statistics.median(values), min(values), max(values)))
        result.add_row(name, *cells, f"{ratio:.2f}")
    return result


def stages_table(cases: dict[str, Run]) -> Table:
    """Return the table of the stages' times: milliseconds per update, of all actors together."""
    result = Table("case", title="Milliseconds an update; actors on threads work beside the learner")
    stages = ("act", "step", "draw", "queue", "learn")
    for column in (*stages, "lag, updates"):
        result.add_column(column, justify="right")
    for name, run in cases.items():
        if isinstance(run, Ours):
            medians: dict[str, Any] = {
                key: statistics.median(each[key] for each in run.stages) for key in run.stages[0]
            }
            cells = [f"{1e3 * medians[f'seconds/{stage}']:.1f}" for stage in stages]
            result.add_row(name, *cells, f"{medians['lag/mean']:.1f}")
    return result


if __name__ == "__main__":
    main()
