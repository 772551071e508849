"""Matrix products of an unroll, by the faster of PyTorch's two CPU libraries.

PyTorch multiplies float32 matrices on x86 with MKL, and convolves with oneDNN. On AMD processors oneDNN also multiplies
up to twice as fast, so its linear layer, which `torch.compile` uses too, is called if PyTorch has it.
"""

from typing import Any

import torch
from torch import Tensor

from simcore.memory.fast.once import first_order

HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # type: ignore[no-untyped-call]


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return a b `[M, N]` for a `[M, K]` and b `[K, N]`, a weight or its transpose `.T`; without gradient."""
    if HAS_ONEDNN and a.device.type == "cpu" and a.dtype == torch.float32 and a.shape[1]:  # it refuses an empty sum
        # b may be transposed, but must be dense: with a row stride it is a thousand times as slow.
        turned = b.T if b.is_contiguous() or b.T.is_contiguous() else b.T.contiguous()
        return torch.ops.mkldnn._linear_pointwise(a.contiguous(), turned, None, "none", [], "")
    return a @ b


def weight_gradient(d_preactivations: Tensor, inputs: Tensor, into: Tensor) -> None:
    """Write a weight's gradient `[Q, N]` to `into`, from preactivation gradients `[M, P]`, P >= Q, and inputs `[M, N]`.

    Only the first Q preactivations are the weight's; passing all of them, not a part of each row, saves a copy.
    """
    # In parts, since inputs and result are transposed, which needs room.
    for part, place in zip(torch.split(inputs, 256, dim=1), torch.split(into, 256, dim=1), strict=True):
        place.copy_(product(part.T, d_preactivations)[:, : len(place)].T)


class Linear(torch.autograd.Function):
    """`apply(inputs, weight, bias)`: `F.linear` by these products, for inputs `[T, B, N]` and a weight `[P, N]`."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the preactivations `[T, B, P]`."""
        ctx.save_for_backward(inputs, weight)
        return product(inputs.flatten(0, 1), weight.T).add_(bias).view(*inputs.shape[:2], -1)

    @staticmethod
    @first_order
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients."""
        inputs, weight = ctx.saved_tensors
        flat, d_weight = gradients[0].flatten(0, 1), torch.empty_like(weight)
        weight_gradient(flat, inputs.flatten(0, 1), d_weight)
        d_inputs = product(flat, weight).view_as(inputs) if ctx.needs_input_grad[0] else None
        return d_inputs, d_weight, flat.sum(0)
