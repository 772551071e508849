"""What the generative model is compared with: the simulated state decoded to the one frame that is most likely."""

import torch
from torch import Tensor

from simcore.frame_models.base import FrameLoss, FrameModel
from simcore.networks import DeconvDecoder, frames_to_float, frames_to_uint8


class Deterministic(FrameModel):
    """Decodes the condition by transposed convolutions, with a squared error.

    That is a Gaussian p(x | c) of fixed variance without latents: what the condition leaves open is blurred.

    Args:
        condition_size: the length of the condition vector c.
        frame_size: height and width of the frames, in pixels.
        channels: of the decoder.
        weight: of the squared error, 1 / (2 σ²) for the Gaussian's variance σ². It is not ConvDRAW's λ: there the error
            never reaches the condition, here nothing else does.

    Raises:
        ValueError: the weight is not positive.
    """

    def __init__(self, condition_size: int, frame_size: int = 64, channels: int = 64, weight: float = 5.0) -> None:
        if weight <= 0:
            raise ValueError(f"the weight of the squared error must be positive, not {weight}")
        super().__init__()
        self.decoder = DeconvDecoder(condition_size, frame_size, channels)
        self.register_buffer("weight", torch.tensor(float(weight)))

    def loss(
        self,
        frames: Tensor,
        condition: Tensor,
        generator: torch.Generator | None = None,
        identity: Tensor | None = None,
    ) -> FrameLoss:
        """Return the squared error of uint8 frames `[N, H, W, 3]` given `[N, condition_size]`, weighted and not.

        The loss is the weighted sum over the frame, the Gaussian's nats but for a constant; the error is the mean.
        """
        errors = (frames_to_float(frames) - self.decoder(condition)).square().flatten(1)
        error = errors.mean(1)
        return FrameLoss(self.multiplier * errors.sum(1), torch.zeros_like(error), error)

    @torch.no_grad()
    def sample(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the decoded frames, uint8 `[N, H, W, 3]`; nothing is drawn."""
        return frames_to_uint8(self.decoder(condition))

    def update(self, error: Tensor) -> None:
        """Do nothing: the weight is fixed."""

    @property
    def multiplier(self) -> Tensor:
        """The error's fixed weight."""
        return self.get_buffer("weight")
