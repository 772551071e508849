"""What the nets multiply in. Weights, losses, memories and everything that is summed over time stay float32."""

from contextlib import AbstractContextManager
from operator import attrgetter

import torch

PRECISIONS = ("fp32", "tf32", "bf16")


def set_precision(precision: str) -> None:
    """Say how float32 is multiplied on a GPU from now on, in matrix products, convolutions and cuDNN's LSTM.

    Args:
        precision: of `PRECISIONS`. With fp32 products are exact, which PyTorch's own convolutions are not unless told.
    """
    inside = "ieee" if precision == "fp32" else "tf32"
    for name in ("cuda.matmul", "cudnn.conv", "cudnn.rnn"):
        setattr(attrgetter(name)(torch.backends), "fp32_precision", inside)  # noqa: B010  # its stubs do not know it


def lowered(precision: str, device: torch.device) -> AbstractContextManager[None]:
    """Return a context in which encoder, LSTM and frame model work in the precision of a run; it is left for backward.

    With bf16 that is PyTorch's autocast to bfloat16, which has float32's range, so that no gradient need be scaled. The
    parts themselves keep in float32 what needs it: the memories' unrolls, canvas, latents, KL divergences and errors.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
