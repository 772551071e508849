"""The state of a recurrent core, and the result of an unroll."""

from typing import Any, NamedTuple

from torch import Tensor


class CoreState(NamedTuple):
    """The full state of a core, carried from one step to the next."""

    hidden: Tensor
    """The LSTM's output h `[..., N_h]`."""
    cell: Tensor
    """The LSTM's cell `[..., N_h]`."""
    memory: tuple[Any, ...] = ()
    """The memory's own state, a named tuple of tensors `[..., *]`; empty where there is no memory."""


class Unrolled(NamedTuple):
    """The result of an unroll over T steps."""

    outputs: Tensor
    """b_t, `[T, B, output_size]`: the LSTM's outputs, joined with the memory's reads if the core does so."""
    final: CoreState
    """The state after the last step, `[B, ...]`."""
    snapshots: CoreState | None
    """The full states after the S requested steps, `[S, B, ...]`; None if none was requested."""
