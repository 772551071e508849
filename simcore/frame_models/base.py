"""The interface of frame models, and their registry."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.registry import Registry


class FrameLoss(NamedTuple):
    """The terms of a frame model's loss, one value per frame, `[N]`."""

    loss: Tensor
    """The loss that is minimised, in nats per frame; of a contrastive model, per choice between frames."""
    kl: Tensor
    """KL(posterior || prior) in nats per image dimension (H * W * 3); 0 for a model without latents."""
    error: Tensor
    """Squared reconstruction error per image dimension; the loss itself for a model that reconstructs nothing."""


def require_frames(frames: Tensor, condition: Tensor, side: int, size: int) -> None:
    """Raise `ValueError` unless these are frames `[N, side, side, 3]` and conditions `[N, size]`."""
    if frames.shape[1:] != (side, side, 3) or condition.shape != (len(frames), size):
        raise ValueError(
            f"frames {tuple(frames.shape)} and conditions {tuple(condition.shape)}; they must be "
            f"[N, {side}, {side}, 3] and [N, {size}]"
        )


class FrameModel(nn.Module, ABC):
    """A conditional model of frames, p(x | c), or a discriminative replacement.

    A registered model, or one named as `module:Name`, receives an instance of its dataclass `Config`, if it has one,
    and those of the keywords `condition_size`, `frame_size`, `geco` (a `GECOConfig`) and `encoder_channels` that it
    names. A model whose loss is not in nats per frame has a field `cost` there, the loss's weight beside policy and
    value; others are weighted by `simulation.cost`. `simcore.testing.check_frame_model` checks that a model keeps the
    contract.
    """

    draws_frames: ClassVar[bool] = True
    """Whether `sample` can generate frames; a discriminative model cannot."""

    @abstractmethod
    def loss(
        self,
        frames: Tensor,
        condition: Tensor,
        generator: torch.Generator | None = None,
        identity: Tensor | None = None,
    ) -> FrameLoss:
        """Return the loss of uint8 frames `[N, H, W, 3]` given conditions `[N, C]`.

        `generator` is used for all sampling; `identity`, int64 `[N, 2]`, is the world and the time of each frame.
        """

    @abstractmethod
    def sample(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Sample uint8 frames `[N, H, W, 3]` given conditions `[N, C]`.

        Raises:
            UserError: the model cannot generate frames.
        """

    @abstractmethod
    def update(self, error: Tensor) -> None:
        """Update the model's own state by a training batch's mean error, a scalar, NaN if nothing was reconstructed.

        Called once after each optimiser step.
        """

    def compile(self, **options: Any) -> None:
        """Compile what `loss` computes by torch.compile; by default each net of the model."""
        for part in self.children():
            part.compile(**options)

    @property
    @abstractmethod
    def multiplier(self) -> Tensor:
        """The weight of the error in the loss, a scalar: GECO's λ."""


frame_models: Registry[type[FrameModel]] = Registry("frame model", FrameModel, home="simcore.frame_models", also="none")
"""Frame models by name."""
