"""The interface of memories, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from simcore.common.registry import Registry
from simcore.common.tree import tree_map
from simcore.data.state import CoreState

LSTMStep = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""One step of the core's LSTM: its input `[B, input_size + read_size]`, h and the cell before, `[B, N_h]` each, to h
and the cell after."""


class Memory(nn.Module, ABC):
    """A memory, wired to an LSTM that belongs to the core.

    A memory must define only `step`, its initial state and its sizes: `RecurrentCore` unrolls it over time, with
    resets, snapshots and simulations. `simcore.testing.check_memory` checks that a memory keeps the contract. A
    registered memory, or one named as `module:Name`, receives an instance of its dataclass `Config`, if it has one, and
    those of the keywords `input_size`, `hidden_size` and `writes` that it names.
    """

    read_size: int
    """The width of what enters the LSTM in addition to its input."""
    output_size: int
    """The width of what b_t has in addition to the LSTM's output."""
    writes: bool = True
    """Whether it writes; the simulation core's memory only reads what the belief core's has written (App. B)."""
    last_reads: tuple[str, ...] = ()
    """Fields of its state that hold the last reads, and so change even if it does not write."""

    @abstractmethod
    def initial_state(self, batch_size: int) -> tuple[Any, ...]:
        """Return the memory's state at the start of an episode, a named tuple of tensors `[batch_size, ...]`."""

    @abstractmethod
    def step(self, inputs: Tensor, state: CoreState, lstm: LSTMStep) -> tuple[Tensor, CoreState]:
        """Make one step of LSTM and memory.

        No argument may be changed in place, since the state is shared. It is called in the weights' own precision, also
        under autocast.

        Args:
            inputs: `[B, input_size]`.
            state: the core's before the step, `[B, ...]`.
            lstm: one step of the core's LSTM, to be called once.

        Returns:
            b_t `[B, N_h + output_size]`, which begins with the LSTM's output, and the core's state after the step.
        """

    def contents(self, memory: tuple[Any, ...]) -> Tensor | None:
        """Return what the state `[*, ...]` holds as K vectors, `[*, K, D]`, zeros where nothing is written yet.

        Probes of a belief's whole state read it. None: the contents are not exposed, and they read only the LSTM's
        part.
        """
        return None

    def portable(self, memory: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a copy of the state `[B, ...]`, without gradient and sharing no storage with other states."""
        return tree_map(lambda leaf: leaf.detach().clone(memory_format=torch.contiguous_format), memory)

    def join(self, memories: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return the states of several batches, each `[B_i, ...]`, concatenated along the batch."""
        return tree_map(lambda *leaves: torch.cat(leaves), *memories)

    def restored(self, memory: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a state from a checkpoint in its current form; a memory whose form has changed converts it here."""
        return memory


memories: Registry[type[Memory]] = Registry("memory", Memory, home="simcore.memory.cell", also="lstm")
"""Memories by name: SimCore's own, those that a user registers, and any class as `module:Name`."""
