"""Benchmark of recall: key-value pairs shown once, a task for a memory that an LSTM of the same size does not learn.

    python -m benchmarks.recall --cores lstm slots kanerva --updates 2000 --out results/recall

A sequence shows pairs of a random key and one of eight values, one per step, and then keys alone, for each of which the
value must be predicted in the same step. Keys are sampled for each sequence, so that only memory helps; chance is 1/8.
All cores have the same LSTM. Prints the accuracy on fresh sequences during training, and plots the curves.
"""

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from simcore.memory import KanervaConfig, KanervaWiring, Memory, RecurrentCore, SlotsConfig, SlotWiring

PAIRS, QUERIES, KEY, VALUES = 16, 8, 16, 8
INPUTS = KEY + VALUES + 1
HIDDEN = 64
BATCH = 32


class Sequences(NamedTuple):
    """A batch of the task."""

    inputs: Tensor
    """`[PAIRS + QUERIES, B, INPUTS]`: key, one-hot value and a flag that says "shown"; a query has neither."""
    answers: Tensor
    """The queries' values, int64 `[QUERIES, B]`."""


def draw(batch: int, generator: torch.Generator) -> Sequences:
    """Sample a batch; every pair is shown once, and queried at most once."""
    keys = F.normalize(torch.randn(PAIRS, batch, KEY, generator=generator), dim=-1) * KEY**0.5
    values = torch.randint(VALUES, (PAIRS, batch), generator=generator)
    shown = torch.cat([keys, F.one_hot(values, VALUES).float(), torch.ones(PAIRS, batch, 1)], dim=-1)
    asked = torch.rand(PAIRS, batch, generator=generator).argsort(dim=0)[:QUERIES]
    cues = keys.gather(0, asked[..., None].expand(-1, -1, KEY))
    queries = torch.cat([cues, torch.zeros(QUERIES, batch, VALUES + 1)], dim=-1)
    return Sequences(torch.cat([shown, queries]), values.gather(0, asked))


def make_memory(core: str) -> Memory | None:
    """Make the memory of a core by name."""
    if core == "kanerva":
        kanerva = KanervaConfig(memory_size=32, word_size=64, write_hidden=64)
        return KanervaWiring(kanerva, input_size=INPUTS, hidden_size=HIDDEN)
    if core == "slots":
        slots = SlotsConfig(memory_size=32, word_size=32, reads=2, top_k=8)
        return SlotWiring(slots, input_size=INPUTS, hidden_size=HIDDEN)
    return None


class Recall(nn.Module):
    """A core, and a linear layer that predicts the value."""

    def __init__(self, core: str) -> None:
        super().__init__()
        self.core = RecurrentCore(INPUTS, HIDDEN, make_memory(core))
        self.answer = nn.Linear(self.core.output_size, VALUES)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits of the answers `[QUERIES, B, VALUES]`."""
        outputs = self.core(inputs, self.core.initial_state(inputs.shape[1])).outputs
        return self.answer(outputs[PAIRS:])


class Point(NamedTuple):
    """One point of a curve."""

    update: int
    seconds: float
    accuracy: float
    """On fresh sequences."""


def train(core: str, updates: int, seed: int = 0, every: int = 50, learning_rate: float = 3e-3) -> list[Point]:
    """Train a core on the task, and return its accuracy during training."""
    torch.manual_seed(seed)
    model = Recall(core)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    generator, fresh = torch.Generator().manual_seed(seed + 1), torch.Generator().manual_seed(seed + 2)
    begin, curve = time.perf_counter(), []
    for update in range(1, updates + 1):
        batch = draw(BATCH, generator)
        loss = F.cross_entropy(model(batch.inputs).flatten(0, 1), batch.answers.flatten())
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if update % every == 0 or update == updates:
            test = draw(512, fresh)
            with torch.no_grad():
                accuracy = (model(test.inputs).argmax(-1) == test.answers).float().mean().item()
            curve.append(Point(update, time.perf_counter() - begin, accuracy))
    return curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cores", nargs="+", default=["lstm", "slots", "kanerva"], choices=["lstm", "slots", "kanerva"]
    )
    parser.add_argument("--updates", type=int, default=2000, help=f"updates, each on {BATCH} sequences")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each core; the curves are drawn one by one")
    parser.add_argument("--threads", type=int, default=1, help="threads that torch may use")
    parser.add_argument("--out", type=Path, help="folder for recall.json and recall.png")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    curves = {core: [train(core, options.updates, seed) for seed in range(options.seeds)] for core in options.cores}

    title = f"Recall of {PAIRS} pairs shown once, N_h {HIDDEN}; chance is {1 / VALUES:.1%}"
    table = Table("core", title=title, title_justify="left")
    for column in ("seed", "accuracy", "updates to 90 %", "ms an update"):
        table.add_column(column, justify="right")
    for core, runs in curves.items():
        for seed, curve in enumerate(runs):
            solved = next((f"{point.update:,}" for point in curve if point.accuracy >= 0.9), "never")
            milliseconds = f"{1e3 * curve[-1].seconds / curve[-1].update:.0f}"
            table.add_row(core, str(seed), f"{curve[-1].accuracy:.1%}", solved, milliseconds)
    Console().print(table)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        records = {core: [[point._asdict() for point in curve] for curve in runs] for core, runs in curves.items()}
        (options.out / "recall.json").write_text(json.dumps(records, indent=1) + "\n")
        plot_curves(curves, title, options.out / "recall.png")


def plot_curves(curves: dict[str, list[list[Point]]], title: str, path: Path) -> None:
    """Plot the accuracy during training, one line per run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for i, (core, runs) in enumerate(curves.items()):
        for curve in runs:
            x, y = [point.update for point in curve], [point.accuracy for point in curve]
            axes.plot(x, y, color=f"C{i}", linewidth=1.2, label=core if curve is runs[0] else None)
    axes.axhline(1 / VALUES, color="0.5", linewidth=0.8, linestyle="--", label="chance")
    axes.set(title=title, xlabel="updates", ylabel="accuracy on fresh sequences", ylim=(0, 1.02))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
