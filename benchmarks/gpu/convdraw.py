"""ConvDRAW alone on a GPU: the part of the card's peak that it reaches; a part of `throughput`."""

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.common import fresh_learner, guarded, seconds_of, sized, tell
from simcore.common.precision import lowered, set_precision
from simcore.config.run import Config
from simcore.cost import CARDS


def measure_convdraw(config: Config, precision: str, device: torch.device, repeats: int) -> dict[str, Any]:
    """Time ConvDRAW forward and backward on the frames of one update, and a large matrix product."""
    learner = fresh_learner(replace(config, learning=replace(config.learning, worlds=2)), device)
    assert learner.system.simulation is not None
    model = learner.system.simulation.frame_model
    simulation, size = config.simulation, config.world.frame_size
    count = simulation.starts * min(simulation.frames, simulation.overshoot) * config.learning.worlds
    frames = torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, device=device)
    condition = torch.randn(count, learner.system.agent.core.output_size, device=device, requires_grad=True)

    set_precision(precision)

    def run(part: int = count) -> None:
        with lowered(precision, device):
            loss = model.loss(frames[:part], condition[:part]).loss.mean()
        model.zero_grad()
        torch.autograd.backward(loss)

    few = min(4, count)
    with FlopCounterMode(display=False) as counter:  # of a few frames, since counting takes long
        run(few)
    flop = counter.get_total_flops() * count / few
    width = 8192 if device.type == "cuda" else 256
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    matrix = torch.randn(width, width, device=device, dtype=kind)
    seconds: list[float] = []
    product: list[float] = []
    for repeat in range(repeats + 2):
        for run_it, times in ((run, seconds), (lambda: matrix @ matrix, product)):
            spent = seconds_of(run_it, device)
            if repeat > 1:
                times.append(spent)
    rate = flop / statistics.median(seconds) / 1e12
    peak = 2 * width**3 / statistics.median(product) / 1e12
    known = next((peak for name, peak in CARDS.items() if name in card(device)), None)
    said = known and known.rate(kind, precision) / 1e12
    return {
        "frames": count,
        "ms": 1e3 * statistics.median(seconds),
        "gflop": flop / 1e9,
        "tflop_per_s": rate,
        "product_tflop_per_s": peak,
        "of_product": rate / peak,
        "of_makers_peak": rate / said if said else None,
    }


def card(device: torch.device) -> str:
    """Return the name of a GPU in lower case without blanks; empty for other devices."""
    return torch.cuda.get_device_name(device).lower().replace(" ", "") if device.type == "cuda" else ""


def convdraw_cases(options: argparse.Namespace) -> Iterator[tuple[Config, str]]:
    """Yield ConvDRAW's cases in order of importance: configuration and precision."""
    for name, worlds in (("paper", 16), ("paper", 64), ("tiny", 256)):
        config = sized(name, "RandomCity", options.rehearse)
        config = replace(config, learning=replace(config.learning, worlds=2 if options.rehearse else worlds))
        for precision in ("fp32",) if options.rehearse else ("bf16", "tf32", "fp32"):
            yield config, precision


def run_convdraw(options: argparse.Namespace, end: float) -> None:
    """Measure ConvDRAW in all cases that there is time for."""
    device = options.device
    table = Table("ConvDRAW", "frames", "precision", title="ConvDRAW forward and backward, of one update's frames")
    for column in ("ms", "GFLOP", "TFLOP/s", "product's TFLOP/s", "of the product's", "of the maker's"):
        table.add_column(column, justify="right")
    for config, precision in convdraw_cases(options):
        if time.monotonic() > end:
            print("the time is up: cases of ConvDRAW are left out", flush=True)
            break

        def run(config: Config = config, precision: str = precision) -> dict[str, Any]:
            return measure_convdraw(config, precision, device, options.repeats)

        found = guarded(run, device)
        about = {"kind": "convdraw", "preset": config.preset, "worlds": config.learning.worlds, "precision": precision}
        tell(options.out, about | found)
        print(config.preset, config.learning.worlds, precision, found, flush=True)
        if "error" not in found:
            values = [f"{found[name]:.2f}" for name in ("ms", "gflop", "tflop_per_s", "product_tflop_per_s")]
            said = f"{found['of_makers_peak']:.1%}" if found["of_makers_peak"] else ""
            table.add_row(config.preset, str(found["frames"]), precision, *values, f"{found['of_product']:.1%}", said)
    set_precision("fp32")
    Console(width=150).print(table)
