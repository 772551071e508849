"""Bytes to floats and back."""

import pytest
import torch

from simcore.networks import frames_to_float, frames_to_uint8


def random_frames(*leading: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (*leading, 4, 5, 3), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_channels_move_in_front_and_values_are_divided_by_255(leading: tuple[int, ...]) -> None:
    frames = random_frames(*leading)
    pictures = frames_to_float(frames)
    assert pictures.shape == (*leading, 3, 4, 5)
    assert pictures.dtype == torch.float32
    for channel in range(3):
        assert torch.equal(pictures[..., channel, :, :], frames[..., channel] / 255)


def test_every_byte_survives_the_round_trip() -> None:
    frames = torch.arange(256, dtype=torch.uint8)[:, None, None, None].expand(256, 2, 2, 3)
    assert torch.equal(frames_to_uint8(frames_to_float(frames)), frames)
    assert torch.equal(frames_to_uint8(frames_to_float(random_frames(2, 3))), random_frames(2, 3))


def test_the_frames_themselves_are_left_alone() -> None:
    frames = random_frames(2)
    frames_to_float(frames)
    assert torch.equal(frames, random_frames(2))


def test_pictures_are_clipped_and_rounded_to_the_nearest_byte() -> None:
    values = torch.tensor([-7.0, -0.001, 0.0, 0.6 / 255, 1.4 / 255, 1.0, 1.2, 9.0])
    pictures = values[:, None, None, None].expand(-1, 3, 1, 1).requires_grad_()
    frames = frames_to_uint8(pictures)
    assert frames.dtype == torch.uint8
    assert frames[:, 0, 0, 0].tolist() == [0, 0, 0, 1, 1, 255, 255, 255]


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.int8])
def test_frames_that_are_not_bytes_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match=f"uint8.*not {dtype}"):
        frames_to_float(torch.zeros(2, 4, 4, 3, dtype=dtype))
