"""Benchmark of an update on a GPU, and of the gain of each faster mode.

    python -m benchmarks.gpu.throughput --mode eager --seconds 120 --out throughput.jsonl

Times updates as in training, on one trajectory of the run's own worlds: presets `paper` and `tiny`, batches of 16, 64
and 256 worlds, cores, precisions. An update's time is the median of several with synchronisation; `together` is that of
updates in a row without it, `host` Python's time for one, and `prepare` the part of that for sending the batch. Then
ConvDRAW alone, forward and backward, relative to the card's peak: its operations, as torch counts them, over its time.
Cases are measured in order of importance until the time is up. One that does not fit into memory is noted.
"""

import argparse
import statistics
import time
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.gpu.common import (
    fitted,
    fresh_learner,
    guarded,
    make_parser,
    make_trajectory,
    read_rows,
    seconds_of,
    sized,
    synchronize,
    tell,
)
from benchmarks.gpu.convdraw import run_convdraw
from benchmarks.timing import machine
from simcore.config.run import Config
from simcore.data.trajectory import Trajectory

WARM_UP = 5
"""Untimed first updates, in which kernels are loaded and chosen, and graphs recorded."""


class Cell(NamedTuple):
    """A case: sizes and mode of an update."""

    preset: str
    core: str
    worlds: int
    precision: str
    mode: str


def cells(mode: str) -> list[Cell]:
    """Return the cases of a mode in order of importance."""
    order: list[tuple[str, str, int, str]] = []
    if mode == "eager":
        order += [("tiny", "slots", 256, precision) for precision in ("fp32", "tf32", "bf16")]
        order += [("paper", "lstm", 16, precision) for precision in ("fp32", "tf32", "bf16")]
        order += [("tiny", "lstm", 256, "fp32"), ("tiny", "kanerva", 256, "fp32")]
        order += [("paper", "lstm", 64, "bf16"), ("paper", "slots", 16, "bf16"), ("paper", "kanerva", 16, "bf16")]
        order += [("tiny", "slots", 16, "fp32"), ("tiny", "slots", 64, "fp32"), ("tiny", "lstm", 256, "bf16")]
    elif mode == "graph":
        order += [("tiny", "lstm", 256, precision) for precision in ("fp32", "tf32", "bf16")]
        order += [("paper", "lstm", 16, precision) for precision in ("bf16", "tf32", "fp32")]
        order += [("tiny", "lstm", 16, "fp32"), ("paper", "lstm", 64, "bf16")]
    else:
        order += [("tiny", "slots", 256, "bf16"), ("paper", "lstm", 16, "bf16"), ("paper", "lstm", 16, "tf32")]
    cores = ("lstm",) if mode == "graph" else ("lstm", "slots", "kanerva")
    for worlds in (256, 64, 16):
        for precision in ("bf16", "tf32", "fp32"):
            order += [(preset, core, worlds, precision) for preset in ("paper", "tiny") for core in cores]
    return [Cell(*case, mode) for case in dict.fromkeys(order)]


def toy_cells(mode: str) -> list[Cell]:
    """Return the cases of a rehearsal."""
    return [Cell(preset, "lstm", worlds, "fp32", mode) for preset in ("tiny", "paper") for worlds in (2, 3)]


class Trajectories:
    """Trajectories of the presets' worlds, each made once, on the CPU.

    Args:
        most: the largest batch.
        rehearse: make toys.
    """

    def __init__(self, most: int, rehearse: bool) -> None:
        self.most = most
        self.rehearse = rehearse
        self._made: dict[str, Trajectory] = {}

    def config(self, cell: Cell) -> Config:
        """Return the configuration of a case."""
        config = sized(cell.preset, "RandomCity", self.rehearse)
        return replace(
            config,
            core=cell.core,
            precision=cell.precision,  # type: ignore[arg-type]
            graph=cell.mode == "graph",
            compile=cell.mode == "compile",
            learning=replace(config.learning, worlds=cell.worlds),
        )

    def get(self, cell: Cell) -> Trajectory:
        """Return a trajectory with as many worlds as the largest batch."""
        if cell.preset not in self._made:
            begin = time.perf_counter()
            widest = self.config(cell._replace(worlds=self.most, mode="eager", core="lstm"))
            self._made[cell.preset] = make_trajectory(widest)
            seconds = time.perf_counter() - begin
            print(f"a trajectory of {cell.preset}, {self.most} worlds: {seconds:.1f} s on the CPU", flush=True)
        return self._made[cell.preset]


def measure(cell: Cell, trajectories: Trajectories, device: torch.device, repeats: int, limit: float) -> dict[str, Any]:
    """Time updates of a case.

    Args:
        cell: the case.
        trajectories: the training data.
        device: the learner's.
        repeats: updates that are timed one by one, and as many in a row.
        limit: seconds after which fewer are enough.

    Returns:
        Milliseconds, frames per second, bytes; and the last update's loss, as a check of correctness.
    """
    config = trajectories.config(cell)
    begin = time.perf_counter()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    learner = fresh_learner(config, device)
    there = fitted(trajectories.get(cell), cell.worlds, learner.system)
    metrics: dict[str, torch.Tensor] = {}
    prepared: list[float] = []

    def one() -> None:
        nonlocal there, metrics
        before = time.perf_counter()
        batch = learner.prepare(there)
        prepared.append(time.perf_counter() - before)
        learned = learner.step(batch)
        there, metrics = there._replace(initial_state=learned.final_state), learned.metrics

    for _ in range(WARM_UP):
        one()
    synchronize(device)
    start = time.perf_counter() - begin
    times: list[float] = []
    hosts: list[float] = []
    while len(times) < 3 or (len(times) < repeats and time.perf_counter() - begin < limit):
        before = time.perf_counter()
        one()
        hosts.append(time.perf_counter() - before)
        synchronize(device)
        times.append(time.perf_counter() - before)

    def in_a_row() -> None:
        for _ in range(len(times)):
            one()

    together = seconds_of(in_a_row, device) / len(times)
    learner.check()
    return {
        "ms": 1e3 * statistics.median(times),
        "least": 1e3 * min(times),
        "most": 1e3 * max(times),
        "together": 1e3 * together,
        "host": 1e3 * statistics.median(hosts),
        "prepare": 1e3 * statistics.median(prepared),
        "frames_per_second": config.learning.frames_per_update / together,
        "peak_bytes": torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
        "first_updates_s": start,
        "updates": len(times),
        "loss": float(metrics["frame_model/loss"]),
    }


def profile_update(cell: Cell, trajectories: Trajectories, device: torch.device) -> str:
    """Return a table of an update's operations by time, longest first."""
    learner = fresh_learner(trajectories.config(cell), device)
    there = fitted(trajectories.get(cell), cell.worlds, learner.system)
    for _ in range(WARM_UP):
        learner.step(learner.prepare(there))
    with torch.profiler.profile() as profiler:
        learner.step(learner.prepare(there))
        synchronize(device)
    key = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    return profiler.key_averages().table(sort_by=key, row_limit=25, max_name_column_width=60)


def run_cells(options: argparse.Namespace, end: float) -> None:
    """Measure the update in all cases that there is time for."""
    device = options.device
    trajectories = Trajectories(3 if options.rehearse else 256, options.rehearse)
    chosen = toy_cells(options.mode) if options.rehearse else cells(options.mode)
    if options.presets:
        chosen = [cell for cell in chosen if cell.preset in options.presets]
    table = Table(*("preset", "core", "worlds", "precision", "mode"), title=f"An update: {machine(device)}")
    for column in ("ms", "least", "most", "together", "host", "prepare", "frames/s", "GiB", "loss"):
        table.add_column(column, justify="right")
    done = {tuple(row.get(name) for name in Cell._fields) for row in read_rows(options.out)} if options.out else set()
    for index, cell in enumerate(chosen):
        if time.monotonic() > end:
            print(f"the time is up: {len(chosen) - index} cases are left out", flush=True)
            break
        if tuple(cell) in done:
            continue

        def run(cell: Cell = cell) -> dict[str, Any]:
            return measure(cell, trajectories, device, options.repeats, options.limit)

        found = guarded(run, device)
        tell(options.out, {"kind": "update", "device": machine(device)} | cell._asdict() | found)
        names = [str(value) for value in cell]
        if "error" in found:
            table.add_row(*names, found["error"][:40])
            print(" ".join(names), found["error"], flush=True)
            if "CUDA error" in found["error"]:
                print("the GPU is of no more use to this process", flush=True)
                raise SystemExit(4)
            continue
        values = [f"{found[name]:.1f}" for name in ("ms", "least", "most", "together", "host", "prepare")]
        memory = f"{found['peak_bytes'] / 2**30:.2f}" if found["peak_bytes"] else ""
        table.add_row(*names, *values, f"{found['frames_per_second']:,.0f}", memory, f"{found['loss']:.4g}")
        print(" ".join(names), f"{found['ms']:.1f} ms, {found['frames_per_second']:,.0f} frames/s", flush=True)
        if cell == chosen[0] and options.mode == "eager" and not options.rehearse:
            profiled = guarded(lambda: {"table": profile_update(chosen[0], trajectories, device)}, device)
            print(profiled.get("table", profiled), flush=True)
    Console(width=150).print(table)


def main() -> None:
    """Measure until the time is up."""
    parser = make_parser(__doc__)
    parser.add_argument("--mode", choices=["eager", "graph", "compile"], default="eager")
    parser.add_argument("--presets", nargs="*", choices=["tiny", "paper"], help="leave others out")
    parser.add_argument("--seconds", type=float, default=120.0, help="no case begins later than so many seconds")
    parser.add_argument("--repeats", type=int, default=10, help="updates of a case that are timed, twice")
    parser.add_argument("--limit", type=float, default=4.0, help="seconds for a case, after which 3 updates are enough")
    options = parser.parse_args()
    if options.rehearse:
        options.repeats = min(options.repeats, 3)
    end = time.monotonic() + options.seconds
    # ConvDRAW has a fifth of the time at most, and is measured last.
    convdraw = options.seconds / 5 if options.mode == "eager" else 0.0
    run_cells(options, end - convdraw)
    if options.mode == "eager":
        run_convdraw(options, end)


if __name__ == "__main__":
    main()
