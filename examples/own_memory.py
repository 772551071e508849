"""A memory of your own, checked and trained in a core to recall key-value pairs that were shown once.

    python examples/own_memory.py [UPDATES]

The memory is a matrix that sums up outer products of values and keys and decays at each step, as the "fast weights" of
Ba et al. (2016). It defines `initial_state` and `step`; resets, snapshots and simulations are the core's. A run uses it
by name: `simcore train RandomCity --core own_memory:OuterProductMemory`.
"""

import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.memory import CoreState, LSTMStep, Memory, RecurrentCore
from simcore.testing import check_memory

PAIRS, KEY, VALUES, HIDDEN, BATCH = 4, 8, 4, 32, 64
INPUTS = KEY + VALUES


class OuterProducts(NamedTuple):
    """The memory's state."""

    matrix: Tensor
    """`[B, D, D]`."""


class OuterProductMemory(Memory):
    """A matrix that is read by a key and written by a key and a value.

    Args:
        config: of the memory.
        input_size: the width of a step's input.
        hidden_size: N_h.
        writes: whether it writes.
    """

    @dataclass(frozen=True)
    class Config:
        """The memory's options."""

        size: int = 16
        """D."""

    def __init__(self, config: Config, *, input_size: int, hidden_size: int, writes: bool = True) -> None:
        super().__init__()
        self.writes = writes
        self.read_size = self.output_size = config.size
        self.read_key = nn.Linear(hidden_size + input_size, config.size)
        self.write_key = nn.Linear(hidden_size + input_size, config.size) if writes else None
        self.write_value = nn.Linear(hidden_size + input_size, config.size) if writes else None
        self.retention = nn.Parameter(torch.tensor(3.0)) if writes else None

    def initial_state(self, batch_size: int) -> OuterProducts:
        """Return an empty memory, `[batch_size, ...]`."""
        return OuterProducts(self.read_key.weight.new_zeros(batch_size, self.read_size, self.read_size))

    def contents(self, memory: tuple[Any, ...]) -> Tensor:
        """Return the matrix's rows, which `simcore probe --of state` reads beside b_t."""
        rows: Tensor = memory[0]
        return rows

    def step(self, inputs: Tensor, state: CoreState, lstm: LSTMStep) -> tuple[Tensor, CoreState]:
        """Read by (h_{t-1}, input_t), pass input and read to the LSTM, and write by (h_t, input_t)."""
        (matrix,) = state.memory
        key = F.normalize(self.read_key(torch.cat([state.hidden, inputs], -1)), dim=-1)
        read = (matrix @ key[..., None])[..., 0]
        hidden, cell = lstm(torch.cat([inputs, read], -1), state.hidden, state.cell)
        if self.write_key is not None and self.write_value is not None and self.retention is not None:
            now = torch.cat([hidden, inputs], -1)
            key, value = F.normalize(self.write_key(now), dim=-1), self.write_value(now)
            matrix = self.retention.sigmoid() * matrix + value[..., :, None] * key[..., None, :]
        return torch.cat([hidden, read], -1), CoreState(hidden, cell, OuterProducts(matrix))


def draw_task(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sample key-value pairs, one per step, and a key as query, `[PAIRS + 1, B, INPUTS]`; and its value `[B]`."""
    keys = torch.randn(PAIRS, BATCH, KEY, generator=generator)
    values = torch.randint(VALUES, (PAIRS, BATCH), generator=generator)
    pairs = torch.cat([keys, F.one_hot(values, VALUES).float()], dim=-1)
    queried, worlds = torch.randint(PAIRS, (BATCH,), generator=generator), torch.arange(BATCH)
    query = torch.cat([keys[queried, worlds], torch.zeros(BATCH, VALUES)], dim=-1)
    return torch.cat([pairs, query[None]]), values[queried, worlds]


def main(updates: int = 300) -> None:
    """Check the memory, train a core with it, and print the loss."""
    torch.set_num_threads(1)  # such small tensors gain nothing from more
    check_memory(OuterProductMemory)
    torch.manual_seed(0)
    memory = OuterProductMemory(OuterProductMemory.Config(), input_size=INPUTS, hidden_size=HIDDEN)
    core = RecurrentCore(INPUTS, HIDDEN, memory)
    answer = nn.Linear(core.output_size, VALUES)
    optimizer = torch.optim.Adam([*core.parameters(), *answer.parameters()], lr=5e-3)
    generator, losses = torch.Generator().manual_seed(1), []
    for _ in range(updates):
        inputs, values = draw_task(generator)
        outputs = core(inputs, core.initial_state(BATCH)).outputs
        loss = F.cross_entropy(answer(outputs[-1]), values)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    print(f"loss before: {losses[0]:.3f}, after {updates} updates: {sum(losses[-10:]) / 10:.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
