"""A decoder from a vector to a picture by transposed convolutions."""

import torch.nn.functional as F
from torch import Tensor, nn


class DeconvDecoder(nn.Module):
    """Decode vectors to square pictures of any size.

    A linear layer makes a picture of at most 8 x 8; transposed convolutions (4 x 4, stride 2) double it until it is at
    least `size` wide, and it is cropped to that.
    """

    def __init__(self, input_size: int, size: int, channels: int = 64) -> None:
        super().__init__()
        doublings = max(0, (size - 1).bit_length() - 3)
        self.size = size
        self.base = -(-size // 2**doublings)
        self.channels = channels
        self.linear = nn.Linear(input_size, channels * self.base**2)
        self.doublings = nn.ModuleList(
            nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1) for _ in range(doublings)
        )
        self.picture = nn.Conv2d(channels, 3, 5, padding=2)

    def forward(self, vectors: Tensor) -> Tensor:
        """Decode `[N, input_size]` to `[N, 3, size, size]`, not bounded to [0, 1]."""
        x = F.relu(self.linear(vectors)).view(-1, self.channels, self.base, self.base)
        for double in self.doublings:
            x = F.relu(double(x))
        return self.picture(x)[..., : self.size, : self.size]
