"""Pictures of any size from a vector."""

import pytest
import torch

from simcore.networks import DeconvDecoder


@pytest.mark.parametrize(
    ("size", "base", "doublings"),
    [(1, 1, 0), (8, 8, 0), (9, 5, 1), (13, 7, 1), (16, 8, 1), (24, 6, 2), (33, 5, 3), (64, 8, 3)],
)
def test_a_picture_of_at_most_8_is_doubled_until_it_fits(size: int, base: int, doublings: int) -> None:
    decoder = DeconvDecoder(6, size, channels=4)
    assert (decoder.base, len(decoder.doublings)) == (base, doublings)
    assert decoder(torch.zeros(2, 6)).shape == (2, 3, size, size)


@pytest.mark.parametrize("size", [9, 13, 24, 64])
def test_the_parameters_are_those_of_the_layers(size: int) -> None:
    decoder = DeconvDecoder(6, size, channels=4)
    linear = 7 * 4 * decoder.base**2
    doubling = 4 * 4 * 4 * 4 + 4
    picture = 5 * 5 * 4 * 3 + 3
    expected = linear + len(decoder.doublings) * doubling + picture
    assert sum(parameter.numel() for parameter in decoder.parameters()) == expected


@pytest.mark.parametrize("size", [9, 24])
def test_every_pixel_depends_on_the_vector_and_only_on_its_own(size: int) -> None:
    torch.manual_seed(0)
    decoder = DeconvDecoder(6, size, channels=8)
    vectors = torch.randn(3, 6)
    pictures = decoder(vectors)
    changed = decoder(torch.cat([torch.randn(1, 6), vectors[1:]]))
    assert (pictures[0] != changed[0]).all()
    torch.testing.assert_close(pictures[1:], changed[1:])


def test_pictures_are_not_bounded() -> None:
    torch.manual_seed(0)
    pictures = DeconvDecoder(6, 9)(100 * torch.randn(8, 6))
    assert pictures.min() < 0
    assert pictures.max() > 1


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    decoder = DeconvDecoder(6, 24, channels=8)
    decoder(torch.randn(4, 6)).square().sum().backward()
    assert [name for name, p in decoder.named_parameters() if p.grad is None or not p.grad.any()] == []
