"""Steps a second of the live view, with eight futures of twelve steps imagined at every tenth step.

    python -m benchmarks.live RUN [RUN]

A step is all that happens for a moment of the page: the world, the belief, what it expected, the surprise, the
probes, the sharp picture, and the message. Prints the median and the slowest tenth of steps, with and without what is
imagined between them, and the steps per second of a page without a pace. `--threads 1` is one core.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from simcore.analysis.loading import load
from simcore.viewer.conductor import FUTURES_EVERY, Conductor, Kind
from simcore.viewer.messages import encode_view
from simcore.viewer.scene import SAMPLES, STEPS, Scene

WARM = 30
"""Steps before the first that counts."""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    scene = Scene([load(run) for run in arguments.runs])
    sent: list[int] = []
    now = 0.0

    def tell(kind: Kind, view: Any) -> None:
        sent.append(len(encode_view(kind, view)))

    conductor = Conductor(scene, tell, clock=lambda: now)
    conductor.begin()
    title = f"{len(arguments.runs)} beliefs" if len(arguments.runs) > 1 else str(arguments.runs[0])
    table = Table(
        title=f"{title}, {arguments.threads} threads, {SAMPLES} futures of {STEPS} steps every {FUTURES_EVERY}"
    )
    for head in ("", "step, median", "slowest tenth", "futures, median", "steps/s", "MB/s"):
        table.add_column(head, justify="right" if head else "left")
    for repeat in range(arguments.repeats + 1):
        steps, futures = [], []
        sent.clear()
        begun = time.perf_counter()
        for _ in range(arguments.steps if repeat else WARM):
            start = time.perf_counter()
            now += conductor.until_due() or 0.0
            conductor.step_in_time()
            stepped = time.perf_counter()
            steps.append(stepped - start)
            if conductor.is_imagining:
                conductor.imagine_all()
                futures.append(time.perf_counter() - stepped)
        seconds = time.perf_counter() - begun
        if repeat > 0:
            slow = statistics.quantiles(steps, n=10)[-1]
            table.add_row(
                f"repeat {repeat}",
                f"{1e3 * statistics.median(steps):.1f} ms",
                f"{1e3 * slow:.1f} ms",
                f"{1e3 * statistics.median(futures):.1f} ms",
                f"{len(steps) / seconds:.1f}",
                f"{sum(sent) / seconds / 1e6:.1f}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
