"""Benchmark of acting: frames per second that actors with the walker of Random City can give a learner.

    python -m benchmarks.feeding                                  # tiny and paper, one and two actors
    python -m benchmarks.feeding --actors 1 8 15 --seconds 1 --repeats 3       # a machine with 16 cores
    python -m benchmarks.feeding --learner-ms 4 --actors 4        # beside a learner that is busy 4 ms an update
    python -m benchmarks.feeding --run                            # beside the real learner

By default nothing is learned: trajectories are consumed as fast as they arrive, and a byte of each page of their frames
is read. Cases: actors in turn with the consumer, on threads beside it, and in processes. Cases take turns within each
repeat; while one is measured the others have filled their queues and idle. "A core" is the frames per second of CPU
time, of actors and consumer together: the rate of one core without other load. With --learner-ms the learner sleeps
after each batch, as if it waited for a GPU, and "waited" is the fraction of the time for which it waits for frames.
With --run there is a real learner, and the table has its own `seconds/queue` and `seconds/learn`.
"""

import argparse
import os
import resource
import statistics
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.timing import machine
from simcore.acting import Executor, Processes
from simcore.build import make_executor, make_system
from simcore.common.devices import choose_device
from simcore.common.distributed import Ranks
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.training.training import Training

PAGE = 4096
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Case:
    """An executor that is measured repeatedly."""

    name: str
    config: Config
    executor: Executor
    rates: list[float] = field(default_factory=list)
    """Frames per second."""
    core_rates: list[float] = field(default_factory=list)
    """Frames per second of CPU time."""
    waited: list[float] = field(default_factory=list)
    """The fraction of the time for which the learner waited."""

    def begin(self) -> None:
        """Take the first trajectories, so that kernels are compiled and processes are started."""
        for _ in range(2 * self.config.acting.actors):
            self.executor.take(1)

    def measure(self, seconds: float, learner_seconds: float) -> None:
        """Take trajectories for a number of seconds."""
        frames, waited = 0, 0.0
        held = self.config.acting.queue + self.config.acting.actors
        for _ in range(held if self.config.executor != "serial" else 0):
            self.executor.take(1)  # those that were made while others had their turn
        begin, spent = time.perf_counter(), self._cpu_seconds()
        while time.perf_counter() - begin < seconds:
            asked = time.perf_counter()
            (collected,) = self.executor.take(1).parts
            waited += time.perf_counter() - asked
            collected.trajectory.frames.view(-1)[::PAGE].sum()
            frames += self.config.learning.frames_per_update
            if learner_seconds:
                time.sleep(learner_seconds)
        passed = time.perf_counter() - begin
        self.rates.append(frames / passed)
        self.core_rates.append(frames / (self._cpu_seconds() - spent))
        self.waited.append(waited / passed)

    def _cpu_seconds(self) -> float:
        """Return the CPU time of this process and its actors' so far, in seconds."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        total = used.ru_utime + used.ru_stime
        if isinstance(self.executor, Processes):
            total += sum(map(cpu_seconds_of, self.executor.process_ids))
        return total


def cpu_seconds_of(pid: int) -> float:
    """Return the CPU time of another process, in seconds; 0 if /proc does not have it."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def make_case(base: Config, executor: str, actors: int) -> Case:
    config = replace(base, executor=executor, acting=replace(base.acting, actors=actors))  # type: ignore[arg-type]
    name = executor if executor == "serial" else f"{executor}, {actors} actor{'s' * (actors > 1)}"
    return Case(name, config, make_executor(config, make_system(config).agent, 0, Ranks()))


def sized(options: argparse.Namespace, name: str) -> Config:
    base = preset(name)
    worlds = options.worlds or base.learning.worlds
    return replace(base, learning=replace(base.learning, worlds=worlds, updates=1_000_000))


def feeding(options: argparse.Namespace, name: str) -> Table:
    """Measure all cases of a preset."""
    base = sized(options, name)
    asked = [("serial", 1)] if "serial" in options.executors else []
    asked += [(each, actors) for each in options.executors if each != "serial" for actors in options.actors]
    cases = [make_case(base, executor, actors) for executor, actors in asked]
    try:
        for case in cases:
            case.begin()
        for _ in range(options.repeats):
            for case in cases:
                time.sleep(options.rest)
                case.measure(options.seconds, options.learner_ms / 1e3)
    finally:
        for case in cases:
            case.executor.close()
    size = f"{base.world.frame_size} x {base.world.frame_size}"
    batch = f"{base.learning.worlds} worlds, {base.learning.unroll_length} steps"
    table = Table("case", title=f"{name}: {size}, {batch}", title_justify="left")
    columns = ["frames/s", "least", "most", "a core"] + (["waited, %"] if options.learner_ms else [])
    for column in columns:
        table.add_column(column, justify="right")
    for case in cases:
        values = [statistics.median(case.rates), min(case.rates), max(case.rates), statistics.median(case.core_rates)]
        cells = [f"{value:,.0f}" for value in values]
        cells += [f"{100 * statistics.median(case.waited):.0f}"] if options.learner_ms else []
        table.add_row(case.name, *cells)
    return table


def learning(options: argparse.Namespace, name: str) -> Table:
    """Run the real learner, and return the table of its times."""
    base = sized(options, name)
    device = choose_device(options.device)
    title = f"{name}: milliseconds an update, of all actors together; learner on {device}"
    table = Table("case", title=title, title_justify="left")
    stages = ("act", "step", "draw", "queue", "learn")
    for column in ("frames/s", *stages, "lag"):
        table.add_column(column, justify="right")
    for executor in options.executors:
        for actors in [1] if executor == "serial" else options.actors:
            acting = replace(base.acting, actors=actors)
            run = Training(replace(base, executor=executor, acting=acting), device)
            with run.executor:
                for _ in range(5 + 2 * actors):
                    run.update()
                run.take_metrics()
                done, begin = run.updates, time.perf_counter()
                while time.perf_counter() - begin < options.seconds * options.repeats:
                    run.update()
                metrics = run.take_metrics()
                passed = time.perf_counter() - begin
            frames = (run.updates - done) * base.learning.frames_per_update
            cells = [f"{1e3 * metrics[f'seconds/{stage}']:.1f}" for stage in stages]
            case = executor if executor == "serial" else f"{executor}, {actors}"
            table.add_row(case, f"{frames / passed:,.0f}", *cells, f"{metrics['lag/mean']:.1f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=["tiny", "paper"], help="whose sizes")
    parser.add_argument("--executors", nargs="+", default=["serial", "threads", "processes"])
    parser.add_argument("--actors", type=int, nargs="+", default=[1, 2], help="of the cases that are not serial")
    parser.add_argument("--worlds", type=int, default=0, help="of each actor; 0: the preset's")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rest", type=float, default=0.3, help="seconds before each, in which queues are filled")
    parser.add_argument("--learner-ms", type=float, default=0.0, help="milliseconds that a learner sleeps an update")
    parser.add_argument("--run", action="store_true", help="with the real learner, for seconds x repeats each")
    parser.add_argument("--device", default="auto", help="of the real learner")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    console.print(f"{machine(torch.device('cpu'))}; {os.cpu_count()} cores, load before {load}", soft_wrap=True)
    for name in options.presets:
        console.print(learning(options, name) if options.run else feeding(options, name))


if __name__ == "__main__":
    main()
