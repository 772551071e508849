"""Benchmark of the modes of an update on this machine: plain, bfloat16, compiled, and as recorded in a CUDA graph.

    python -m benchmarks.ways --preset tiny --threads 1

All do updates on the same trajectory and take turns; ratios to the plain mode are taken repeat by repeat. `blind` is
the update that --graph records: masked at every step, and with all steps of the overshoot; on a CPU nothing is
recorded, so that it shows the cost of this.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.gpu.common import fitted, fresh_learner, make_trajectory
from benchmarks.timing import machine, take_turns
from simcore.config.presets import preset

WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "bf16": {"precision": "bf16"},
    "compiled": {"compile": True},
    "blind": {"graph": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--cores", nargs="+", default=["lstm", "slots", "kanerva"])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--worlds", type=int, help="worlds of the batch, instead of the preset's own")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1, help="threads that torch may use")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="cpu, cuda, ...")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    base = preset(options.preset)
    if options.worlds:
        base = replace(base, learning=replace(base.learning, worlds=options.worlds))
    worlds = base.learning.worlds
    made = make_trajectory(replace(base, core="lstm"))
    table = Table("core", "way", title=f"An update of {options.preset}, {worlds} worlds: {machine(options.device)}")
    for column in ("ms", "least", "most", "x plain", "loss"):
        table.add_column(column, justify="right")
    for core in options.cores:
        runs: dict[str, Callable[[], object]] = {}
        losses: dict[str, float] = {}
        for way in options.ways:
            if way == "blind" and core != "lstm":
                continue
            learner = fresh_learner(replace(base, core=core, **WAYS[way]), options.device)

            def run(learner: Any = learner, way: str = way, losses: dict[str, float] = losses) -> None:
                trajectory = fitted(made, worlds, learner.system)
                losses[way] = float(learner.step(learner.prepare(trajectory)).metrics["frame_model/loss"])

            run()
            runs[way] = run
        times = take_turns(runs, options.repeats, options.device)
        for way, seconds in times.items():
            ratio = statistics.median(mine / plain for mine, plain in zip(seconds, times["plain"], strict=True))
            numbers = [f"{1e3 * value:.1f}" for value in (statistics.median(seconds), min(seconds), max(seconds))]
            table.add_row(core, way, *numbers, f"{ratio:.2f}", f"{losses[way]:.4g}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
