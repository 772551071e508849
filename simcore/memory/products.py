"""Matrix products of an unroll, by the faster of the two libraries that PyTorch has for them on a CPU.

PyTorch multiplies float32 matrices on x86 with MKL, and convolves with oneDNN. On AMD's processors oneDNN multiplies
about twice as fast too, so its linear layer, which `torch.compile` also uses, is called where PyTorch has it.
"""

import torch
from torch import Tensor

HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # type: ignore[no-untyped-call]


def times_transposed(a: Tensor, b: Tensor) -> Tensor:
    """Return a bᵀ `[M, N]` for a `[M, K]` and b `[N, K]`; no gradient passes."""
    if HAS_ONEDNN and a.device.type == "cpu" and a.dtype == torch.float32:
        return torch.ops.mkldnn._linear_pointwise(a.contiguous(), b.contiguous(), None, "none", [], "")
    return a @ b.T


def weight_gradient(d_sums: Tensor, inputs: Tensor) -> Tensor:
    """Return the gradient `[P, N]` of a weight for its sums' gradients `[M, P]` and its inputs, turned, `[N, M]`."""
    result = d_sums.new_empty(d_sums.shape[1], inputs.shape[0])
    # In parts, since each is turned round too.
    for part, into in zip(torch.split(d_sums, 512, dim=1), torch.split(result, 512), strict=True):
        into.copy_(times_transposed(part.T, inputs))
    return result
