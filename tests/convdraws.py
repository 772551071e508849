"""A small ConvDRAW, and frames and conditions for it."""

import torch
from torch import Tensor

from simcore.frame_models import ConvDRAW, ConvDRAWConfig, GECOConfig

N, SIZE, CONDITION, LATENT, STATE = 3, 16, 5, 4, 8


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(steps: int = 3, size: int = SIZE, layers: int = 1) -> ConvDRAW:
    torch.manual_seed(0)
    channels = (8,) * layers
    config = ConvDRAWConfig(steps, LATENT, STATE, channels, channels)
    return ConvDRAW(config, condition_size=CONDITION, frame_size=size, geco=GECOConfig(0.01))


def random_frames(n: int = N, size: int = SIZE) -> Tensor:
    return torch.randint(0, 256, (n, size, size, 3), dtype=torch.uint8, generator=seeded(1))


def random_conditions(n: int = N) -> Tensor:
    return torch.randn(n, CONDITION, generator=seeded(2))
