"""The interface that every frame model has."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.registry import Registry


class FrameLoss(NamedTuple):
    """The terms of a frame model's loss, one value a frame, `[N]`."""

    loss: Tensor
    """What is minimised: nats a frame, or of a choice between frames where the model reconstructs none."""
    kl: Tensor
    """KL(posterior || prior) in nats per image dimension (H * W * 3); 0 for a model without latents."""
    error: Tensor
    """Squared reconstruction error per image dimension; the loss itself for a model that reconstructs nothing."""


class FrameModel(nn.Module, ABC):
    """A conditional model of frames, p(x | c), or what stands for one.

    One that is registered, or named as `module:Name`, is made with the keywords `condition_size`, `frame_size`, `geco`,
    a `GECOConfig`, and `encoder_channels`, as far as it names them, and with an instance of its dataclass `Config`
    before them if it has one. `simcore.testing.check_frame_model` tells whether one keeps the contract.
    """

    draws_frames: ClassVar[bool] = True
    """Whether `sample` makes frames; one that only tells them apart makes none."""

    @abstractmethod
    def loss(
        self,
        frames: Tensor,
        condition: Tensor,
        generator: torch.Generator | None = None,
        identity: Tensor | None = None,
    ) -> FrameLoss:
        """Return the loss of uint8 frames `[N, H, W, 3]` given conditions `[N, C]`.

        `generator` draws whatever is random; `identity`, int64 `[N, 2]`, says of which world and time a frame is.
        """

    @abstractmethod
    def sample(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Sample uint8 frames `[N, H, W, 3]` given conditions `[N, C]`.

        Raises:
            UserError: the model makes no frames.
        """

    @abstractmethod
    def update(self, error: Tensor) -> None:
        """Take note of a training batch's mean error, a scalar, NaN where there was nothing to be reconstructed.

        Called once after each optimiser step.
        """

    def compile(self, **options: Any) -> None:
        """Let torch.compile make kernels of what `loss` does; here of each net of the model."""
        for part in self.children():
            part.compile(**options)

    @property
    @abstractmethod
    def multiplier(self) -> Tensor:
        """The weight of the error in the loss, a scalar: GECO's λ."""


frame_models: Registry[type[FrameModel]] = Registry("frame model", FrameModel, home="simcore.frame_models")
"""Frame models by name."""
