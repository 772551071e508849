"""The precision of the nets' products. Weights, losses, memories and sums over time keep theirs."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from operator import attrgetter

import torch


def set_precision(precision: str) -> None:
    """Set how float32 is multiplied on a GPU from now on, in matrix products, convolutions and cuDNN's LSTM.

    Args:
        precision: fp32, tf32 or bf16. With fp32, products are exact; by default PyTorch's convolutions are not.
    """
    mode = "ieee" if precision == "fp32" else "tf32"
    # PyTorch's older flags too, which it refuses to read where they differ from the newer ones.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = mode == "tf32"
    for name in ("cuda.matmul", "cudnn.conv", "cudnn.rnn"):
        setattr(attrgetter(name)(torch.backends), "fp32_precision", mode)  # noqa: B010  # missing in its stubs


@contextmanager
def exact_products() -> Iterator[None]:
    """Make float32 matrix products exact in this context, for what TF32 is too coarse for; also a decorator."""
    products = attrgetter("cuda.matmul")(torch.backends)
    before, products.fp32_precision = products.fp32_precision, "ieee"
    try:
        yield
    finally:
        products.fp32_precision = before


def products_are_exact() -> bool:
    """Return whether float32 matrix products are exact at present, and not rounded to TF32."""
    mode: str = attrgetter("cuda.matmul")(torch.backends).fp32_precision
    return mode != "tf32"


def lowered(precision: str, device: torch.device) -> AbstractContextManager[None]:
    """Return a context in which encoder and frame model run in a precision; leave it before backward.

    With bf16 it is PyTorch's autocast to bfloat16, which has float32's range, so gradients need no scaling. The parts
    themselves keep in float32 what needs it: the cores' unrolls, canvas, latents, KL divergences and errors.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
