"""The interface that every frame model has."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class FrameLoss(NamedTuple):
    """The terms of a frame model's loss, one value a frame, `[N]`."""

    loss: Tensor
    """What is minimised."""
    kl: Tensor
    """KL(posterior || prior) in nats per image dimension (H * W * 3); 0 for a model without latents."""
    error: Tensor
    """Squared reconstruction error per image dimension."""


class FrameModel(Protocol):
    """A conditional model of frames, p(x | c)."""

    def loss(self, frames: Tensor, condition: Tensor, noise: torch.Generator | None = None) -> FrameLoss:
        """Return the loss of uint8 frames `[N, H, W, 3]` given conditions `[N, C]`; `noise` draws the latents."""
        ...

    def sample(self, condition: Tensor, noise: torch.Generator | None = None) -> Tensor:
        """Sample uint8 frames `[N, H, W, 3]` given conditions `[N, C]`."""
        ...

    def update(self, error: Tensor) -> None:
        """Take note of a training batch's mean error (a scalar); called once for each optimiser step."""
        ...
