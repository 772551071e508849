"""What the nets multiply in. Weights, losses, memories and everything that is summed over time stay float32."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from operator import attrgetter

import torch


def set_precision(precision: str) -> None:
    """Say how float32 is multiplied on a GPU from now on, in matrix products, convolutions and cuDNN's LSTM.

    Args:
        precision: fp32, tf32 or bf16. With fp32 products are exact, as PyTorch's convolutions are only if told so.
    """
    inside = "ieee" if precision == "fp32" else "tf32"
    for name in ("cuda.matmul", "cudnn.conv", "cudnn.rnn"):
        setattr(attrgetter(name)(torch.backends), "fp32_precision", inside)  # noqa: B010  # its stubs do not know it


@contextmanager
def exact_products() -> Iterator[None]:
    """Let matrix products of float32 be exact meanwhile, for what would not bear TF32; also a decorator."""
    products = attrgetter("cuda.matmul")(torch.backends)
    before, products.fp32_precision = products.fp32_precision, "ieee"
    try:
        yield
    finally:
        products.fp32_precision = before


def lowered(precision: str, device: torch.device) -> AbstractContextManager[None]:
    """Return a context in which encoder, LSTM and frame model work in the precision of a run; it is left for backward.

    With bf16 that is PyTorch's autocast to bfloat16, which has float32's range, so that no gradient need be scaled. The
    parts themselves keep in float32 what needs it: the memories' unrolls, canvas, latents, KL divergences and errors.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
