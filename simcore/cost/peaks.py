"""The peak rates of GPUs, and the least time that operations take at them."""

import math
from dataclasses import dataclass

import torch

from simcore.common.errors import UserError


@dataclass(frozen=True)
class Peak:
    """The peak rates of a card, in TFLOP/s (10¹² floating-point operations per second), without sparsity."""

    name: str
    bf16: float
    tf32: float
    fp32: float

    def rate(self, dtype: torch.dtype, precision: str) -> float:
        """Return the operations per second in a type; float32 is rounded to TF32 unless `precision` is fp32."""
        if dtype in (torch.bfloat16, torch.float16):
            return 1e12 * self.bf16
        return 1e12 * (self.fp32 if precision == "fp32" else self.tf32)


CARDS = {
    "a100": Peak("A100 SXM", 312.0, 156.0, 19.5),
    "h100": Peak("H100 SXM", 989.4, 494.7, 66.9),
    "h200": Peak("H200 SXM", 989.4, 494.7, 66.9),
    "rtx4090": Peak("RTX 4090", 165.2, 82.6, 82.6),
}
"""Cards by the name that `--peak` takes; the rates are from NVIDIA's data sheets."""


def find_peak(text: str) -> Peak:
    """Return the peak of a named card, or one of a number of TFLOP/s for every type.

    Raises:
        UserError: it is neither.
    """
    card = CARDS.get(text.lower().replace(" ", "").replace("-", ""))
    if card is not None:
        return card
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise UserError(f"there is no --peak {text!r}; allowed are {', '.join(CARDS)}, or a number of TFLOP/s")
    return Peak(f"{rate:g} TFLOP/s", rate, rate, rate)
