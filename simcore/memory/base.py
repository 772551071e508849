"""What a memory must offer to serve a core."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from simcore.common.tree import tree_map
from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times


class Memory(nn.Module, ABC):
    """A memory, wired to an LSTM that it does not own.

    The wiring decides when the memory is read and written and from what. It unrolls LSTM and memory together, since
    each needs the other at every step, and has a backward pass written by hand: weight gradients are one product over
    all steps, and what a step changes in the memory is kept, never the memory that it changed.
    """

    read_size: int
    """The width of what enters the LSTM beside its input."""
    output_size: int
    """The width of what joins the LSTM's output in b_t."""

    @abstractmethod
    def initial_state(self, batch_size: int) -> tuple[Any, ...]:
        """Return the memory's state at the start of an episode, a named tuple of tensors `[batch_size, ...]`."""

    def portable(self, memory: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the same state `[B, ...]`, without gradient and with nothing that another state shares."""
        return tree_map(lambda leaf: leaf.detach().clone(memory_format=torch.contiguous_format), memory)

    def join(self, memories: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return the states of several batches, each `[B_i, ...]`, as one of all their worlds in a row."""
        return tree_map(lambda *leaves: torch.cat(leaves), *memories)

    @abstractmethod
    def unroll(
        self,
        lstm: nn.LSTM,
        inputs: Tensor,
        state: CoreState,
        resets: Resets | None,
        snapshots_at: Times,
    ) -> Unrolled:
        """Unroll LSTM and memory over time.

        Args:
            lstm: one layer, whose input is a step's input and then the read, `[input_size + read_size]`.
            inputs: `[T, *, input_size]`.
            state: the state before the first step, `[*, ...]`. More than one leading dimension, as snapshots have,
                means simulations that share the memories of the last: those read and do not write.
            resets: where the state is reset before a step. None: nowhere.
            snapshots_at: the times, known on the host, whose states, after the step, are returned.
        """
