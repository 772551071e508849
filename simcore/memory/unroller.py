"""The interface of what unrolls LSTM and memory over time."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times
from simcore.memory.base import Memory

Wired = TypeVar("Wired", bound=Memory)


class Unroller(ABC, Generic[Wired]):
    """Unroll a memory with an LSTM; the unroller chooses the form of the memory's states.

    Args:
        memory: the memory, whose current weights are used at each call.
    """

    def __init__(self, memory: Wired) -> None:
        self.memory = memory

    def initial_state(self, batch_size: int) -> tuple[Any, ...]:
        """Return the memory's state at the start of an episode, `[batch_size, ...]`."""
        return self.memory.initial_state(batch_size)

    def contents(self, memory: tuple[Any, ...]) -> Tensor | None:
        """Return what the state `[*, ...]` holds, see `Memory.contents`."""
        return self.memory.contents(memory)

    def portable(self, memory: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a copy of the state `[B, ...]`, without gradient and sharing no storage with other states."""
        return self.memory.portable(memory)

    def join(self, memories: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return the states of several batches, each `[B_i, ...]`, concatenated along the batch."""
        return self.memory.join(memories)

    def restored(self, memory: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a state from a checkpoint, perhaps of an earlier version, in its present form."""
        return self.memory.restored(memory)

    @abstractmethod
    def unroll(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, resets: Resets | None, snapshots_at: Times
    ) -> Unrolled:
        """Unroll LSTM and memory over time, in the weights' precision also under autocast.

        Args:
            lstm: one layer, whose input is a step's input, then the read, `[input_size + read_size]`.
            inputs: `[T, *, input_size]`.
            state: the state before the first step, `[*, ...]`. More than one leading dimension, as snapshots have,
                means simulations, which share the memories of the last dimension's worlds.
            resets: where the state is reset before a step. None: nowhere.
            snapshots_at: the times, known on the host, whose states after the step are returned.
        """
