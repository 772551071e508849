"""What a memory must offer to serve a core, and where memories are found by name."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from simcore.common.registry import Registry
from simcore.common.tree import tree_map
from simcore.data.state import CoreState

LSTMStep = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""One step of the core's LSTM: what enters it `[B, input_size + read_size]`, h and the cell before, `[B, N_h]` each, to
h and the cell after."""


class Memory(nn.Module, ABC):
    """A memory, wired to an LSTM that it does not own.

    `step` is all that a memory must define beside its first state and its sizes: `RecurrentCore` unrolls it over time,
    with resets, snapshots and simulations. `simcore.testing.check_memory` tells whether one keeps the contract. A
    memory that is registered, or named as `module:Name`, is made with the keywords `input_size`, `hidden_size` and
    `writes`, as far as it names them, and with an instance of its dataclass `Config` before them if it has one.
    """

    read_size: int
    """The width of what enters the LSTM beside its input."""
    output_size: int
    """The width of what joins the LSTM's output in b_t."""
    writes: bool = True
    """Whether it writes; the simulation core's memory only reads what the belief core's has written (App. B)."""
    last_reads: tuple[str, ...] = ()
    """Fields of its state that hold what was read last, and so change where it does not write, too."""

    @abstractmethod
    def initial_state(self, batch_size: int) -> tuple[Any, ...]:
        """Return the memory's state at the start of an episode, a named tuple of tensors `[batch_size, ...]`."""

    @abstractmethod
    def step(self, inputs: Tensor, state: CoreState, lstm: LSTMStep) -> tuple[Tensor, CoreState]:
        """Make one step of LSTM and memory.

        Nothing that it is given may be changed in place: others hold the state too. It is called in the weights' own
        precision, also under autocast.

        Args:
            inputs: `[B, input_size]`.
            state: of the core before the step, `[B, ...]`.
            lstm: one step of the core's LSTM, to be called once.

        Returns:
            b_t `[B, N_h + output_size]`, which begins with the LSTM's output, and the core's state after the step.
        """

    def portable(self, memory: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the same state `[B, ...]`, without gradient and with nothing that another state shares."""
        return tree_map(lambda leaf: leaf.detach().clone(memory_format=torch.contiguous_format), memory)

    def join(self, memories: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return the states of several batches, each `[B_i, ...]`, as one of all their worlds in a row."""
        return tree_map(lambda *leaves: torch.cat(leaves), *memories)


memories: Registry[type[Memory]] = Registry("memory", Memory, home="simcore.memory.cell")
"""The memories by name: SimCore's own, those that a user registers, and any class as `module:Name`."""
