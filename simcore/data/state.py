"""What a core carries, what an unroll of it gives, and the times that an unroll must know of."""

from typing import Any, NamedTuple

from torch import Tensor


class CoreState(NamedTuple):
    """All that a core carries from one step to the next: the full belief state."""

    hidden: Tensor
    """The LSTM's output h `[..., N_h]`."""
    cell: Tensor
    """The LSTM's cell `[..., N_h]`."""
    memory: tuple[Any, ...] = ()
    """The memory's own state, a named tuple of tensors `[..., *]`; empty where there is no memory."""


class Unrolled(NamedTuple):
    """What an unroll over T steps gives."""

    outputs: Tensor
    """b_t, `[T, B, output_size]`: the LSTM's outputs, and the memory's reads where they join."""
    final: CoreState
    """The state after the last step, `[B, ...]`."""
    snapshots: CoreState | None
    """The full states after the steps asked for, `[S, B, ...]`; None if none was asked for."""
