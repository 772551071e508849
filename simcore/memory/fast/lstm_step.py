"""One step of an LSTM, forward and backward, without its matrix products, which the unrolls do themselves.

It works in place, since an unroll keeps one record of a step: the gates' preactivations, then the gates, then the
preactivations' gradients.
"""

import torch
from torch import Tensor, nn


def lstm_forward(gates: Tensor, cell: Tensor, new_cell: Tensor, hidden: Tensor) -> None:
    """Advance the LSTM by one step.

    Args:
        gates: the preactivations `[B, 4 N_h]` in PyTorch's order: input, forget, candidate, output; replaced by
            the gates.
        cell: the cell before `[B, N_h]`.
        new_cell: receives the cell after.
        hidden: receives the output.
    """
    size = cell.shape[-1]
    enter, forget, candidate, leave = torch.split(gates, size, dim=-1)
    gates[:, : 2 * size].sigmoid_()
    candidate.tanh_()
    leave.sigmoid_()
    torch.mul(forget, cell, out=new_cell)
    new_cell.addcmul_(enter, candidate)
    torch.tanh(new_cell, out=hidden)
    hidden.mul_(leave)


def lstm_backward(gates: Tensor, cell: Tensor, new_cell: Tensor, d_hidden: Tensor, d_cell: Tensor) -> None:
    """Compute the gradients of one step.

    Args:
        gates: the gates `[B, 4 N_h]` that `lstm_forward` left; replaced by the gradient of the preactivations.
        cell: the cell before `[B, N_h]`.
        new_cell: the cell after.
        d_hidden: the gradient of the output; overwritten.
        d_cell: the gradient of the cell after; replaced by that of the cell before.
    """
    enter, forget, candidate, leave = torch.split(gates, cell.shape[-1], dim=-1)
    squashed = new_cell.tanh()
    d_leave = d_hidden * squashed
    d_cell.add_(d_hidden.mul_(leave).mul_(1 - squashed.square_()))
    d_enter, d_forget, d_candidate = d_cell * candidate, d_cell * cell, d_cell * enter
    d_cell.mul_(forget)
    torch.mul(d_enter, enter * (1 - enter), out=enter)
    torch.mul(d_forget, forget * (1 - forget), out=forget)
    torch.mul(d_candidate, 1 - candidate.square(), out=candidate)
    torch.mul(d_leave, leave * (1 - leave), out=leave)


def lstm_weights(lstm: nn.LSTM) -> tuple[Tensor, Tensor, Tensor]:
    """Return a layer's weights from the input `[4 N_h, I]` and from h `[4 N_h, N_h]`, and its biases' sum `[4 N_h]`."""
    weight_ih, weight_hh, bias_ih, bias_hh = (
        getattr(lstm, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    return weight_ih, weight_hh, bias_ih + bias_hh
