"""Conversion of frames: bytes in `HWC` order outside the networks, floats in [0, 1] in `CHW` order inside."""

import torch
from torch import Tensor


def frames_to_float(frames: Tensor) -> Tensor:
    """Convert uint8 pictures `[..., H, W, 3]` to float32 `[..., 3, H, W]` in [0, 1].

    Raises:
        TypeError: the frames are not uint8 (a float frame has most likely been converted twice).
    """
    if frames.dtype != torch.uint8:
        raise TypeError(f"frames are uint8 [..., H, W, 3], not {frames.dtype}")
    return frames.movedim(-1, -3).to(torch.float32).div_(255.0)


def frames_to_uint8(pictures: Tensor) -> Tensor:
    """Convert float pictures `[..., 3, H, W]` to uint8 `[..., H, W, 3]`, clipping to [0, 1]."""
    return pictures.detach().clamp(0.0, 1.0).mul(255.0).round().to(torch.uint8).movedim(-3, -1)
