"""Benchmark of training while another program keeps a core busy, by how long OpenMP's threads spin for each other.

    python -m benchmarks.busy_core [--updates 6] [--repeats 3]

`tiny` on Random City, with a thread on each core, in a process of its own each; frames per second are medians. The
command `simcore` chooses `simcore.common.spinning.SPINS`; 300,000 is what PyTorch's OpenMP takes by itself, and one
thread has nothing to wait for.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.table import Table

from simcore.common.spinning import SPINS

CASES = {
    "OpenMP's own, 300,000": {"GOMP_SPINCOUNT": "300000"},
    f"SimCore's, {SPINS:,}": {"GOMP_SPINCOUNT": str(SPINS)},
    "none": {"GOMP_SPINCOUNT": "0"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
WARM_UP = 2
"""Updates before those that are timed."""


def main() -> None:
    """Measure all cases in turns, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=6, help="timed in each repeat (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--measure", action="store_true", help="only print the frames per second of this process")
    options = parser.parse_args()
    if options.measure:
        print(measure(options.updates))
        return
    rates: dict[tuple[str, bool], list[float]] = {}
    for _ in range(options.repeats):
        for name, chosen in CASES.items():
            for is_busy in (False, True):
                rates.setdefault((name, is_busy), []).append(measured(chosen, is_busy, options.updates))
    table = Table("spins", "all cores idle, frames/s", "one core busy, frames/s")
    for name in CASES:
        table.add_row(name, *(f"{statistics.median(rates[name, is_busy]):,.0f}" for is_busy in (False, True)))
    Console().print(table)


def measured(chosen: dict[str, str], is_busy: bool, updates: int) -> float:
    """Return what a new process measures under these variables of the environment."""
    command = (sys.executable, "-m", "benchmarks.busy_core", "--measure", "--updates", str(updates))
    with busy_core() if is_busy else nullcontext():
        done = subprocess.run(command, env=os.environ | chosen, capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(updates: int) -> float:
    """Return the frames per second of training, here and now."""
    import torch

    from simcore.config.presets import preset
    from simcore.training.training import Training

    config = preset("tiny", "RandomCity")
    training = Training(config, torch.device("cpu"))
    for _ in range(WARM_UP):
        training.update()
    begin = time.perf_counter()
    for _ in range(updates):
        training.update()
    return updates * config.learning.frames_per_update / (time.perf_counter() - begin)


@contextmanager
def busy_core() -> Iterator[None]:
    """Keep a core busy meanwhile, by a process in a session of its own, as another user's program would be."""
    process = subprocess.Popen((sys.executable, "-c", "while True: pass"), start_new_session=True)
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
