"""Benchmark of ConvDRAW: its speed relative to a large matrix product in the same process.

    python -m benchmarks.convdraw --frame-size 64 --batch 12 --steps 8 --threads 1

Prints time, arithmetic operations and their rate for one batch, by default at the paper's sizes. All cases take turns
in each repeat; the share is the median over repeats of the rate divided by that of the matrix product in the same
repeat, so that other load on the machine has little effect.
"""

import argparse
import statistics
from collections.abc import Callable
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import machine, milliseconds, take_turns
from simcore.frame_models import ConvDRAW, ConvDRAWConfig

CONDITION = 512
"""N_h, the size of the simulated state that conditions the model (table 2: 512 to 1024)."""
REFERENCE = "matrix product"


class Case(NamedTuple):
    """A case to be timed."""

    run: Callable[[], object]
    flop: int


def flop_of_loss(model: ConvDRAW, batch: int) -> int:
    """Return the floating-point operations of the loss, in closed form: two per multiplication in a layer."""
    config, side = model.config, model.state_size
    state, latent = config.state_channels, config.latent_channels
    same = config.kernel_size**2 * side**2
    conditioning = same * (latent + 2 * state) * 2 * state
    gaussians = 2 * same * state * 2 * latent
    recurrence = same * (2 * state + latent + state) * 2 * state

    strided, width = 0, model.frame_size
    for inputs, outputs in zip((6, *config.encoder_channels), (*config.encoder_channels, 2 * state), strict=True):
        width //= 2
        strided += 16 * inputs * outputs * width**2
    for inputs, outputs in zip((state, *config.decoder_channels), (*config.decoder_channels, 3), strict=True):
        # Each input pixel is multiplied with the whole kernel, and the sums overlap.
        strided += 16 * inputs * outputs * width**2
        width *= 2

    embedding = model.embed_condition.in_features * model.embed_condition.out_features
    step = conditioning + gaussians + recurrence + strided
    first_three_times_more = 3 * conditioning
    return 2 * batch * (embedding + len(model.steps) * step + first_three_times_more)


def counted(run: Callable[[], object]) -> int:
    """Return the floating-point operations that torch counts in a call."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def make_cases(
    frame_size: int, batch: int, steps: int, product: int, device: torch.device
) -> tuple[dict[str, Case], int]:
    """Make the cases, and return them with the first one's number of operations in closed form."""
    torch.manual_seed(0)
    model = ConvDRAW(ConvDRAWConfig(steps=steps), condition_size=CONDITION, frame_size=frame_size).to(device)
    frames = torch.randint(0, 256, (batch, frame_size, frame_size, 3), dtype=torch.uint8, device=device)
    # Training needs the gradient of the condition too: it teaches the belief.
    condition = torch.randn(batch, CONDITION, device=device, requires_grad=True)
    matrix = torch.randn(product, product, device=device)

    def forward() -> None:
        with torch.no_grad():
            model.loss(frames, condition)

    def forward_and_backward() -> None:
        model.zero_grad()
        model.loss(frames, condition).loss.mean().backward()  # type: ignore[no-untyped-call]

    runs: dict[str, Callable[[], object]] = {
        "forward": forward,
        "forward and backward": forward_and_backward,
        "sample": lambda: model.sample(condition),
        REFERENCE: lambda: matrix @ matrix,
    }
    return {name: Case(run, counted(run)) for name, run in runs.items()}, flop_of_loss(model, batch)


def table(title: str, cases: dict[str, Case], seconds: dict[str, list[float]]) -> Table:
    result = Table("one batch", title=title, title_justify="left")
    for column in ("ms (median)", "least", "most", "GFLOP", "GFLOP/s", "of the product's"):
        result.add_column(column, justify="right")
    rates = {name: [case.flop / one / 1e9 for one in seconds[name]] for name, case in cases.items()}
    for name, case in cases.items():
        share = statistics.median(one / other for one, other in zip(rates[name], rates[REFERENCE], strict=True))
        result.add_row(
            name,
            *milliseconds(seconds[name]),
            f"{case.flop / 1e9:.2f}",
            f"{statistics.median(rates[name]):.1f}",
            f"{share:.0%}",
        )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frame-size", type=int, default=64, help="pixels on a side, a multiple of 8")
    parser.add_argument("--batch", type=int, default=12, help="frames in a batch; a trajectory has 6 x 2 (table 2)")
    parser.add_argument("--steps", type=int, default=8, help="Ns, the model's repeated operations (table 2)")
    parser.add_argument("--product", type=int, default=2048, help="rows and columns of the matrix product")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each case")
    parser.add_argument("--threads", type=int, default=1, help="threads that torch may use")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)

    console = Console()
    console.print(machine(device), highlight=False)
    cases, closed_form = make_cases(options.frame_size, options.batch, options.steps, options.product, device)
    size = options.frame_size
    title = f"{options.batch} frames of {size} x {size}, {options.steps} steps, float32"
    seconds = take_turns({name: case.run for name, case in cases.items()}, options.repeats, device)
    console.print(table(title, cases, seconds))
    excess = cases["forward"].flop / closed_form - 1
    console.print(f"GFLOP as torch counts them: {excess:+.2%} against the closed form of the forward pass")


if __name__ == "__main__":
    main()
