"""Functions that the benchmarks share: the machine's name, timing in turns, and flags."""

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch


def machine(device: torch.device) -> str:
    """Return the processor's name, torch's version and the number of threads, in one line."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, torch {torch.__version__}, threads: {torch.get_num_threads()}"


def take_turns(runs: Mapping[str, Callable[[], object]], repeats: int, device: torch.device) -> dict[str, list[float]]:
    """Return the seconds of each run in each repeat, after one untimed repeat."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            begin = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if repeat > 0:
                seconds[name].append(time.perf_counter() - begin)
    return seconds


def milliseconds(times: list[float]) -> tuple[str, str, str]:
    """Return median, minimum and maximum, in milliseconds."""
    return tuple(f"{1e3 * value:.1f}" for value in (statistics.median(times), min(times), max(times)))  # type: ignore[return-value]


def parse_options(description: str | None) -> argparse.Namespace:
    """Parse the flags that the benchmarks of unrolls share, and set torch's threads; `device` is a `torch.device`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="unrolls of each case at the paper's sizes")
    parser.add_argument("--threads", type=int, default=1, help="threads that torch may use")
    parser.add_argument("--seed", type=int, default=0, help="of weights, inputs and the times of resets and snapshots")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="cpu, cuda, ...")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    return options
