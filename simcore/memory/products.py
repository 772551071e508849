"""Matrix products of an unroll, by the faster of the two libraries that PyTorch has for them on a CPU.

PyTorch multiplies float32 matrices on x86 with MKL, and convolves with oneDNN. Where one of them is small, as a step's
are, oneDNN multiplies about twice as fast on AMD's processors too, so its linear layer, which `torch.compile` also
uses, is called where PyTorch has it. Weight gradients, which are large, are left to MKL.
"""

import torch
from torch import Tensor

HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # type: ignore[no-untyped-call]


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return a b `[M, N]` for a `[M, K]` and b `[K, N]`, a weight as it is or turned by `.T`; no gradient passes."""
    if HAS_ONEDNN and a.device.type == "cpu" and a.dtype == torch.float32:
        # It takes b either way round, but would be a thousand times as slow with rows that are not next to each other.
        turned = b.T if b.is_contiguous() or b.T.is_contiguous() else b.T.contiguous()
        return torch.ops.mkldnn._linear_pointwise(a.contiguous(), turned, None, "none", [], "")
    return a @ b
