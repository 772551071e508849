"""Matrix products of an unroll, by the faster of the two libraries that PyTorch has for them on a CPU.

PyTorch multiplies float32 matrices on x86 with MKL, and convolves with oneDNN. On AMD's processors oneDNN multiplies
up to twice as fast too, so its linear layer, which `torch.compile` also uses, is called where PyTorch has it.
"""

import torch
from torch import Tensor

HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # type: ignore[no-untyped-call]


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return a b `[M, N]` for a `[M, K]` and b `[K, N]`, a weight as it is or turned by `.T`; no gradient passes."""
    if HAS_ONEDNN and a.device.type == "cpu" and a.dtype == torch.float32 and a.shape[1]:  # it refuses an empty sum
        # It takes b either way round, but would be a thousand times as slow with rows that are not next to each other.
        turned = b.T if b.is_contiguous() or b.T.is_contiguous() else b.T.contiguous()
        return torch.ops.mkldnn._linear_pointwise(a.contiguous(), turned, None, "none", [], "")
    return a @ b


def weight_gradient(d_preactivations: Tensor, inputs: Tensor, into: Tensor) -> None:
    """Put a weight's gradient into `[Q, N]`, for the preactivations' gradients `[M, P]`, P >= Q, and inputs `[M, N]`.

    Only the first Q preactivations are the weight's; to pass all, and not a part of each row, saves a copy.
    """
    # In parts, since each of the inputs and of the result is turned round.
    for part, place in zip(torch.split(inputs, 256, dim=1), torch.split(into, 256, dim=1), strict=True):
        place.copy_(product(part.T, d_preactivations)[:, : len(place)].T)
