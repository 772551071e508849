"""The frame encoder: the residual convolutional net of IMPALA's deep agent (the paper specifies none)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.networks.frames import frames_to_float


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), without change of size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[N, C, H, W]` to the same shape."""
        return x + self.second(F.relu(self.first(F.relu(x))))


class ResidualEncoder(nn.Module):
    """Encode frames as embeddings e_t.

    Each entry of `channels` is one stage: a convolution, a max-pool that halves the picture, two residual
    blocks. A linear layer makes the embedding, and layer normalisation bounds it: until the prior has learned to use
    the belief, all gradients through it have the same sign, and without the bound they grow the embedding until the
    LSTM saturates and never recovers.
    """

    def __init__(self, frame_size: int, embedding_size: int, channels: tuple[int, ...] = (16, 32, 32)) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        size, inputs = frame_size, 3
        for outputs in channels:
            stages += [
                nn.Conv2d(inputs, outputs, 3, padding=1),
                nn.MaxPool2d(3, stride=2, padding=1),
                ResidualBlock(outputs),
                ResidualBlock(outputs),
            ]
            size, inputs = (size + 1) // 2, outputs
        self.stages = nn.Sequential(*stages)
        self.linear = nn.Linear(inputs * size * size, embedding_size)
        self.norm = nn.LayerNorm(embedding_size)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the frames' own layout, and the faster one

    def forward(self, frames: Tensor) -> Tensor:
        """Embed uint8 frames `[..., H, W, 3]` as float `[..., embedding_size]`."""
        leading = frames.shape[:-3]
        features = self.stages(frames_to_float(frames.flatten(0, -4) if leading else frames[None]))
        embeddings = F.relu(self.norm(self.linear(F.relu(features).flatten(1)))).float()
        return embeddings.view(*leading, -1)
