"""Benchmark of the core's resets and snapshots relative to `nn.LSTM` on the same input.

    python -m benchmarks.lstm_unroll --repeats 7 --threads 1

Prints the time of an unroll, forward and backward, for two sizes. All cases take turns in each repeat; the ratio is the
median over repeats of the time divided by that of `nn.LSTM` in the same repeat, so that other load has little effect.
"""

import statistics
from collections.abc import Callable
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.timing import machine, milliseconds, parse_options, take_turns
from simcore.memory import RecurrentCore

REFERENCE = "nn.LSTM"
SNAPSHOTS = 6
"""Nt, the number of simulations that start from a trajectory (table 2)."""


class Size(NamedTuple):
    """The size of an unroll."""

    name: str
    steps: int
    batch: int
    inputs: int
    hidden: int


SIZES = [Size("paper", 100, 16, 262, 512), Size("tiny", 40, 8, 70, 64)]


def make_cases(size: Size, seed: int, device: torch.device) -> dict[str, Callable[[], None]]:
    """Make the functions to be timed, each of which does one unroll, forward and backward."""
    torch.manual_seed(seed)
    core = RecurrentCore(size.inputs, size.hidden).to(device)
    cell = nn.LSTMCell(size.inputs, size.hidden).to(device)
    # Training needs the gradient of the inputs too: it teaches the frame encoder.
    inputs = torch.randn(size.steps, size.batch, size.inputs, device=device, requires_grad=True)
    state = core.initial_state(size.batch)
    resets = torch.zeros(size.steps, size.batch, dtype=torch.bool)
    resets[torch.randint(size.steps, (size.batch,)), torch.arange(size.batch)] = True
    resets = resets.to(device)
    snapshots = torch.randperm(size.steps)[:SNAPSHOTS].tolist()

    def backward(outputs: Tensor) -> None:
        outputs.square().mean().backward()  # type: ignore[no-untyped-call]

    def fused() -> None:
        backward(core.lstm(inputs, (state.hidden[None], state.cell[None]))[0])

    def unroll(is_first: Tensor | None, snapshots_at: list[int]) -> None:
        unrolled = core(inputs, state, is_first, snapshots_at)
        backward(unrolled.outputs)

    def loop() -> None:
        hidden, memory, _ = state
        outputs = []
        for x in inputs:
            hidden, memory = cell(x, (hidden, memory))
            outputs.append(hidden)
        backward(torch.stack(outputs))

    cuts = len(set(resets.any(dim=1).nonzero()[:, 0].tolist()))
    return {
        REFERENCE: fused,
        "core": lambda: unroll(None, []),
        f"core, a reset a world ({cuts} times)": lambda: unroll(resets, []),
        f"core, {SNAPSHOTS} snapshots": lambda: unroll(None, snapshots),
        "core, resets and snapshots": lambda: unroll(resets, snapshots),
        "loop of nn.LSTMCell": loop,
    }


def table(size: Size, seconds: dict[str, list[float]]) -> Table:
    title = f"{size.name}: {size.steps} steps x {size.batch} worlds, input {size.inputs}, N_h {size.hidden}"
    result = Table("forward and backward", title=title, title_justify="left")
    for column in ("ms (median)", "least", "most", f"x {REFERENCE}"):
        result.add_column(column, justify="right")
    for name, times in seconds.items():
        ratio = statistics.median(one / other for one, other in zip(times, seconds[REFERENCE], strict=True))
        result.add_row(name, *milliseconds(times), f"{ratio:.2f}")
    return result


def main() -> None:
    options = parse_options(__doc__)
    device = options.device

    console = Console()
    console.print(machine(device), highlight=False)
    for size in SIZES:
        # The tiny unroll takes a hundredth of the time, and ten times the repeats make its ratios as firm.
        repeats = options.repeats if size.name == "paper" else 10 * options.repeats
        console.print(table(size, take_turns(make_cases(size, options.seed, device), repeats, device)))


if __name__ == "__main__":
    main()
