"""One step of the LSTM with each memory, as in the paper's figure 8: read, LSTM and write.

These steps are the definition. `simcore.memory.plain` unrolls them over time; the unrolls of
`simcore.memory.fast` give the same values and gradients, as tests check, in a fraction of the time.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.data.state import CoreState
from simcore.memory.base import LSTMStep, Memory, memories
from simcore.memory.kanerva import (
    KanervaConfig,
    KanervaMemory,
    KanervaState,
    find_address,
    read_at,
    upgrade_kanerva_state,
    write_at,
)
from simcore.memory.slots import SlotMemory, SlotsConfig, SlotState
from simcore.memory.word_net import WordNet


def lstm_step(lstm: nn.LSTM, inputs: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Make one step of a layer of `nn.LSTM`.

    Args:
        lstm: the layer.
        inputs: its input `[B, I]`.
        hidden: h before the step `[B, N_h]`.
        cell: the cell before the step `[B, N_h]`.

    Returns:
        h and the cell after the step, `[B, N_h]` each.
    """
    from_input, from_hidden, input_bias, hidden_bias = (parameter for _, parameter in lstm.named_parameters())
    gates = F.linear(inputs, from_input, input_bias) + F.linear(hidden, from_hidden, hidden_bias)
    enter, forget, candidate, leave = gates.chunk(4, dim=-1)
    cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
    return leave.sigmoid() * cell.tanh(), cell


class NoMemory(Memory):
    """No memory: a bare LSTM, without reads and writes."""

    read_size = output_size = 0

    def initial_state(self, batch_size: int) -> tuple[()]:
        """Return the empty state."""
        return ()

    def step(self, inputs: Tensor, state: CoreState, lstm: LSTMStep) -> tuple[Tensor, CoreState]:
        """Make one step of the LSTM."""
        hidden, cell = lstm(inputs, state.hidden, state.cell)
        return hidden, CoreState(hidden, cell)


@memories.register("kanerva")
class KanervaWiring(Memory):
    """A Kanerva memory wired to an LSTM (App. C, figure 8): read, then the LSTM, then write; b_t is h_t.

    Its words are made of h and all of a step's input, so of the reward as well, which App. C does not name.

    Args:
        config: of the memory.
        input_size: the width of a step's input.
        hidden_size: N_h.
        writes: whether it writes; if not it only reads what another has written, and has no prior.
    """

    Config = KanervaConfig
    output_size = 0

    def __init__(self, config: KanervaConfig, *, input_size: int, hidden_size: int, writes: bool = True) -> None:
        super().__init__()
        size, word_size = hidden_size + input_size, config.word_size
        self.read_size, self.writes = word_size, writes
        self.memory = KanervaMemory(config.memory_size, word_size, config.noise_variance) if writes else None
        self.read_word = WordNet(size, config.read_hidden, word_size)
        self.write_word = WordNet(size, config.write_hidden, word_size) if writes else None

    def initial_state(self, batch_size: int) -> KanervaState:
        """Return the prior, `[batch_size, ...]`.

        Raises:
            RuntimeError: this memory only reads, so it has no state of its own.
        """
        if self.memory is None:
            raise RuntimeError("a Kanerva memory that only reads has no state of its own; start from another's")
        return self.memory.initial_state(batch_size)

    def contents(self, memory: tuple[Any, ...]) -> Tensor:
        """Return the memory's mean M `[*, K, D]`, in the weights' type."""
        return self.restored(memory).mean.to(self.read_word.first.weight.dtype)

    def restored(self, memory: tuple[Any, ...]) -> KanervaState:
        """Return a state from a checkpoint in its present form."""
        return upgrade_kanerva_state(KanervaState(*memory))

    def step(self, inputs: Tensor, state: CoreState, lstm: LSTMStep) -> tuple[Tensor, CoreState]:
        """Read by (b_{t-1}, input_t), pass input and read to the LSTM, and write by (b_t, input_t)."""
        memory = self.restored(state.memory)
        if self.memory is not None:  # the state's σ² may be from older weights
            memory = memory._replace(noise=self.memory.noise(len(inputs)))
        word = self.read_word(torch.cat([state.hidden, inputs], -1))
        read = read_at(memory, find_address(memory, word)).to(inputs.dtype)
        hidden, cell = lstm(torch.cat([inputs, read], -1), state.hidden, state.cell)
        if self.write_word is not None:
            word = self.write_word(torch.cat([hidden, inputs], -1))
            memory = write_at(memory, word, find_address(memory, word))
        return hidden, CoreState(hidden, cell, memory)


class WiredSlots(NamedTuple):
    """The state of a slot memory that is wired to an LSTM."""

    slots: SlotState
    """The words."""
    reads: Tensor
    """The last reads, which enter the LSTM at the next step, `[..., n_r D]`."""


@memories.register("slots")
class SlotWiring(Memory):
    """A slot memory wired to an LSTM (App. B): the LSTM, then read, then write; b_t is h_t and the reads.

    A read sees what was written up to the step before.

    Args:
        config: of the memory.
        input_size: the width of a step's input.
        hidden_size: N_h.
        writes: whether it writes; if not it only reads what another has written.
    """

    Config = SlotsConfig
    last_reads = ("reads",)

    def __init__(self, config: SlotsConfig, *, input_size: int, hidden_size: int, writes: bool = True) -> None:
        super().__init__()
        self.reads, word_size = config.reads, config.word_size
        self.read_size = self.output_size = config.reads * word_size
        self.writes = writes
        self.memory = SlotMemory(config.memory_size, word_size, config.top_k)
        self.query = nn.Linear(hidden_size, config.reads * (word_size + 1))
        self.write_word = nn.Linear(hidden_size + input_size, word_size) if writes else None

    def initial_state(self, batch_size: int) -> WiredSlots:
        """Return an empty memory, `[batch_size, ...]`."""
        slots = self.memory.initial_state(batch_size, like=self.query.weight)
        return WiredSlots(slots, slots.words.new_zeros(batch_size, self.read_size))

    def contents(self, memory: tuple[Any, ...]) -> Tensor:
        """Return the words `[*, K, D]`, the newest first."""
        return self.memory.newest_first(WiredSlots(*memory).slots)

    def step(self, inputs: Tensor, state: CoreState, lstm: LSTMStep) -> tuple[Tensor, CoreState]:
        """Pass input and last reads to the LSTM, read by h_t, and write by (h_t, input_t)."""
        slots, reads = WiredSlots(*state.memory)
        hidden, cell = lstm(torch.cat([inputs, reads], -1), state.hidden, state.cell)
        keys, strengths = self.query(hidden).split([self.read_size, self.reads], dim=-1)
        keys = keys.view(len(keys), self.reads, self.memory.word_size)
        reads = self.memory.read(slots, keys, F.softplus(strengths)).flatten(1)
        if self.write_word is not None:
            slots = self.memory.write(slots, self.write_word(torch.cat([hidden, inputs], -1)))
        return torch.cat([hidden, reads], -1), CoreState(hidden, cell, WiredSlots(slots, reads))
