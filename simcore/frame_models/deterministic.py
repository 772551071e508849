"""The deterministic frame model, a baseline: decode the simulated state to its mean frame."""

from dataclasses import dataclass

import torch
from torch import Tensor

from simcore.common.checks import Positive, Width, require_fields
from simcore.frame_models.base import FrameLoss, FrameModel, frame_models, require_frames
from simcore.networks import DeconvDecoder, frames_to_float, frames_to_uint8


@dataclass(frozen=True)
class DeterministicConfig:
    """The deterministic model, used if --frame-model is deterministic."""

    channels: Width = 64
    """Channels of the decoder."""
    weight: Positive = 5.0
    """Weight of the squared error, 1 / (2 σ²) of a Gaussian; simulation.cost multiplies the loss as well. In tiny Food
    5 gives the belief gradients as large as those of policy and value, 20 four and 100 twenty times as large; the error
    that is reached, 0.03, corresponds to 16. Without a learned policy Adam makes all weights equivalent."""

    def __post_init__(self) -> None:
        require_fields("deterministic.", self)


@frame_models.register("deterministic")
class Deterministic(FrameModel):
    """Decode the condition by transposed convolutions, trained by the squared error.

    This is a Gaussian p(x | c) of fixed variance without latents: what the condition leaves uncertain is blurred.

    Args:
        config: channels of the decoder, and weight of the error.
        condition_size: the length of the condition vector c.
        frame_size: height and width of the frames, in pixels.
    """

    Config = DeterministicConfig

    def __init__(
        self,
        config: DeterministicConfig = DeterministicConfig(),
        *,
        condition_size: int,
        frame_size: int,
    ) -> None:
        super().__init__()
        self.condition_size, self.frame_size = condition_size, frame_size
        self.decoder = DeconvDecoder(condition_size, frame_size, config.channels)
        # Not ConvDRAW's λ: there the error has no gradient to the condition, here nothing else has one.
        self.register_buffer("weight", torch.tensor(float(config.weight)))

    def loss(
        self,
        frames: Tensor,
        condition: Tensor,
        generator: torch.Generator | None = None,
        identity: Tensor | None = None,
    ) -> FrameLoss:
        """Return the squared error of uint8 frames `[N, H, W, 3]` given `[N, condition_size]`.

        The loss is the weighted sum over the frame, the Gaussian's nats up to a constant; the error is the mean.

        Raises:
            ValueError: frames or conditions have another shape.
        """
        require_frames(frames, condition, self.frame_size, self.condition_size)
        errors = (frames_to_float(frames) - self.decoder(condition)).square().flatten(1)
        error = errors.mean(1)
        return FrameLoss(self.multiplier * errors.sum(1), torch.zeros_like(error), error)

    @torch.no_grad()
    def sample(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the decoded frames, uint8 `[N, H, W, 3]`, without sampling."""
        return frames_to_uint8(self.decoder(condition))

    def update(self, error: Tensor) -> None:
        """Do nothing: the weight is fixed."""

    @property
    def multiplier(self) -> Tensor:
        """The error's fixed weight."""
        return self.get_buffer("weight")
