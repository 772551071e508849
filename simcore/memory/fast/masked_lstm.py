"""The unroll of a bare LSTM step by step, forward and backward, with a mask at every step.

The fused LSTM is faster if the host knows when episodes begin and which states are needed, since it can be cut there.
This unroll does the same work whatever these times are, so that a CUDA graph can replay it; it returns all states.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.memory.fast.lstm_step import lstm_backward, lstm_forward, lstm_weights
from simcore.memory.fast.once import USED_UP, first_order, require_unchanged, versions
from simcore.memory.fast.products import product


def masked_unroll(
    lstm: nn.LSTM, inputs: Tensor, hidden: Tensor, cell: Tensor, is_first: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Unroll an LSTM of one layer.

    Args:
        lstm: the layer.
        inputs: `[T, B, I]`.
        hidden: h before the first step `[B, N_h]`.
        cell: the cell before it `[B, N_h]`.
        is_first: bool `[T, B]`; where true the state is zero before that step. None: nowhere.

    Returns:
        h and the cell after each step, `[T, B, N_h]` each.
    """
    from_input, from_hidden, bias = lstm_weights(lstm)
    preactivations = F.linear(inputs, from_input, bias).to(hidden.dtype)
    keep = None if is_first is None else (~is_first)[..., None].to(hidden.dtype)
    unrolled = MaskedUnroll.apply(preactivations, hidden, cell, from_hidden, keep)  # type: ignore[no-untyped-call]
    return cast(tuple[Tensor, Tensor], unrolled)


class MaskedUnroll(torch.autograd.Function):
    """`apply(preactivations, hidden, cell, from_hidden, keep)`.

    `preactivations` `[T, B, 4 N_h]` are the inputs' part of the gates' preactivations; they become the record and are
    overwritten. `keep` is float `[T, B, 1]`, 0 where the state is reset before the step, else 1; or None. Returns h and
    the cell after each step, `[T, B, N_h]` each.
    """

    @staticmethod
    def forward(
        ctx: Any, preactivations: Tensor, hidden: Tensor, cell: Tensor, from_hidden: Tensor, keep: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Unroll from the first step to the last, and keep what the backward pass needs."""
        gates, (length, batch, _), units = preactivations, preactivations.shape, hidden.shape[-1]
        outputs, cells = (preactivations.new_empty(length, batch, units) for _ in range(2))
        ctx.save_for_backward(hidden, cell, from_hidden, keep)
        for t in range(length):
            if keep is not None:
                hidden, cell = hidden * keep[t], cell * keep[t]
            gates[t] += product(hidden, from_hidden.T)
            lstm_forward(gates[t], cell, cells[t], outputs[t])
            hidden, cell = outputs[t], cells[t]
        # Aliases: an output held by its own graph would never be freed.
        ctx.record = gates, outputs.detach(), cells.detach()
        ctx.versions = versions(outputs, cells)
        ctx.set_materialize_grads(False)
        return outputs, cells

    @staticmethod
    @first_order
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Compute the gradients, from the last step back to the first."""
        if ctx.record is None:
            raise RuntimeError(USED_UP)
        gates, outputs, cells = ctx.record
        ctx.record = None
        require_unchanged(ctx.versions, outputs, cells)
        hidden, cell, from_hidden, keep = ctx.saved_tensors
        d_outputs, d_cells = gradients
        d_hidden, d_cell = torch.zeros_like(hidden), torch.zeros_like(cell)
        for t in reversed(range(len(gates))):
            if d_outputs is not None:
                d_hidden = d_hidden + d_outputs[t]
            if d_cells is not None:
                d_cell += d_cells[t]
            before = cells[t - 1] if t else cell
            lstm_backward(gates[t], before if keep is None else before * keep[t], cells[t], d_hidden, d_cell)
            d_hidden = product(gates[t], from_hidden)
            if keep is not None:
                d_hidden, d_cell = d_hidden * keep[t], d_cell * keep[t]
        before = torch.cat([hidden[None], outputs[:-1]])
        if keep is not None:
            before *= keep
        d_from_hidden = product(gates.flatten(0, 1).T, before.flatten(0, 1))
        return gates, d_hidden, d_cell, d_from_hidden, None
