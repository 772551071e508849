"""How probes of a belief's whole state read its memory: by attention to everything that the memory holds."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcore.networks import Standardise
from simcore.probes.heads import Average, ProbeHead

READS = 8
"""Reads of the memory by each head."""
UNITS = 64
"""Features that a head makes from each vector of the memory, and reads."""
READ_SIZE = READS * UNITS
"""The size of all reads of a head together."""
ROWS = 2048
"""The most beliefs read together without a gradient, since each has K times as many features."""


class MemoryShape(NamedTuple):
    """K vectors of D numbers."""

    slots: int
    word_size: int

    @property
    def size(self) -> int:
        """K D."""
        return self.slots * self.word_size


class MemoryReader(nn.Module):
    """Read a memory by attention: queries are made from the belief, keys and values from each of the memory's vectors.

    Any memory is a set of K vectors to it, and its learned features of each place (a row's number, or a word's age)
    tell them apart. Only places that are written are read; an empty memory reads zeros.

    Args:
        belief_size: the size of what the queries are made from.
        memory: the memory's shape.
    """

    def __init__(self, belief_size: int, memory: MemoryShape) -> None:
        super().__init__()
        self.query = nn.Linear(belief_size, READS * UNITS)
        self.features = nn.Linear(memory.word_size, UNITS)
        self.place = nn.Parameter(torch.zeros(memory.slots, UNITS))
        self.more = nn.Sequential(nn.ReLU(), nn.Linear(UNITS, UNITS), nn.ReLU())

    def forward(self, beliefs: Tensor, words: Tensor, is_written: Tensor) -> Tensor:
        """Return the reads, `[N, READ_SIZE]`.

        Args:
            beliefs: `[N, belief_size]`.
            words: the memory's vectors, standardised, `[N, K, D]`.
            is_written: bool `[N, K]`.
        """
        values = self.more(self.features(words) + self.place)
        scores = self.query(beliefs).unflatten(-1, (READS, UNITS)) @ values.mT / math.sqrt(UNITS)
        weights = scores.masked_fill(~is_written[:, None], torch.finfo(scores.dtype).min).softmax(-1)
        reads: Tensor = (weights * is_written[:, None]) @ values
        return reads.flatten(1)


class MemoryHead(ProbeHead):
    """A head that reads a memory beside the belief, with its own reader.

    Args:
        head: of a target, for beliefs of `belief_size + READ_SIZE`.
        belief_size: the size of the belief without the memory.
        memory: the memory's shape.
    """

    def __init__(self, head: ProbeHead, belief_size: int, memory: MemoryShape) -> None:
        super().__init__()
        self.reader, self.head = MemoryReader(belief_size, memory), head
        self.belief_size, self.memory = belief_size, memory

    def unit_for(self, target: Tensor, average: Average) -> Tensor | None:
        """Return the head's unit."""
        return self.head.unit_for(target, average)

    def begin_at(self, target: Tensor) -> None:
        """Initialise the head from targets `[N, ...]`."""
        self.head.begin_at(target)

    def forward(self, beliefs: Tensor) -> Tensor:
        """Read a target from beliefs, and memories as `MemoryInputs` gives them, `[..., belief_size + K D + K]`."""
        rows = beliefs.flatten(0, -2)
        parts = [rows] if torch.is_grad_enabled() else torch.split(rows, ROWS)
        answers = torch.cat([self._read(part) for part in parts])
        return answers.view(*beliefs.shape[:-1], *answers.shape[1:])

    def _read(self, rows: Tensor) -> Tensor:
        belief, words, is_written = torch.split(rows, [self.belief_size, self.memory.size, self.memory.slots], dim=-1)
        reads = self.reader(belief, words.reshape(len(words), *self.memory), is_written > 0)
        answer: Tensor = self.head(torch.cat([belief, reads], -1))
        return answer


class MemoryInputs(nn.Module):
    """Standardise a memory for `MemoryHead`: its vectors all alike, since they are a set.

    Args:
        shape: the memory's.
    """

    def __init__(self, shape: MemoryShape) -> None:
        super().__init__()
        self.shape = shape
        self.standardise = Standardise(shape.word_size)

    def fit(self, memories: Tensor) -> None:
        """Set mean and variance to those of the vectors of some of the memories `[N, K D]`."""
        words = memories[:: -(-len(memories) // ROWS)].reshape(-1, self.shape.word_size)
        written = words[words.any(-1)]
        if len(written):
            self.standardise.fit(written)

    def forward(self, memories: Tensor) -> Tensor:
        """Return memories `[..., K D]`, standardised, and which of their places are written, `[..., K D + K]`."""
        words = memories.reshape(*memories.shape[:-1], *self.shape)
        return torch.cat([self.standardise(words).flatten(-2), words.any(-1).to(words.dtype)], -1)
