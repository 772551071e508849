"""The structure of IMPALA's deep net, and that frames do not mix."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.networks import ResidualEncoder
from simcore.networks.encoder import ResidualBlock

EMBEDDING = 10


def random_frames(size: int, *leading: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (*leading, size, size, 3), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("leading", [(), (3,), (2, 3), (2, 1, 3)])
def test_leading_dimensions_are_kept_whatever_they_are(size: int, leading: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    encoder = ResidualEncoder(size, EMBEDDING, channels=(4, 8, 8))
    embeddings = encoder(random_frames(size, *leading))
    assert embeddings.shape == (*leading, EMBEDDING)
    assert embeddings.isfinite().all()
    assert embeddings.min() >= 0


def convolution(inputs: int, outputs: int) -> int:
    return 9 * inputs * outputs + outputs


@pytest.mark.parametrize(("size", "last"), [(64, 8), (32, 4), (16, 2), (20, 3)])
def test_three_stages_of_one_convolution_and_two_residual_blocks(size: int, last: int) -> None:
    encoder = ResidualEncoder(size, 256)
    stages = sum(convolution(i, o) + 4 * convolution(o, o) for i, o in [(3, 16), (16, 32), (32, 32)])
    linear = (32 * last * last + 1) * 256
    assert sum(parameter.numel() for parameter in encoder.parameters()) == stages + linear + 2 * 256
    assert sum(isinstance(module, nn.Conv2d) for module in encoder.modules()) == 15


def test_each_stage_halves_the_picture() -> None:
    encoder = ResidualEncoder(64, EMBEDDING)
    shapes: list[tuple[int, ...]] = []
    for stage in encoder.stages:
        stage.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:])))
    encoder(random_frames(64, 2))
    assert shapes == [
        *[(16, 64, 64), (16, 32, 32), (16, 32, 32), (16, 32, 32)],
        *[(32, 32, 32), (32, 16, 16), (32, 16, 16), (32, 16, 16)],
        *[(32, 16, 16), (32, 8, 8), (32, 8, 8), (32, 8, 8)],
    ]


def test_a_residual_block_adds_to_its_input() -> None:
    torch.manual_seed(0)
    block = ResidualBlock(3)
    x = torch.randn(2, 3, 5, 5)
    inner = F.conv2d(x.clamp(min=0), block.first.weight, block.first.bias, padding=1)
    change = F.conv2d(inner.clamp(min=0), block.second.weight, block.second.bias, padding=1)
    torch.testing.assert_close(block(x), x + change)
    nn.init.zeros_(block.second.weight)
    nn.init.zeros_(block.second.bias)
    assert torch.equal(block(x), x)


def test_a_frames_embedding_does_not_depend_on_its_neighbours() -> None:
    torch.manual_seed(0)
    encoder = ResidualEncoder(16, EMBEDDING)
    frames = random_frames(16, 2, 3)
    together = encoder(frames)
    assert not torch.allclose(together[0, 0], together[1, 2]), "different frames must differ"
    for t in range(2):
        for b in range(3):
            torch.testing.assert_close(encoder(frames[t, b]), together[t, b])


def test_the_embedding_is_normalised() -> None:
    """Before the ReLU, mean 0 and variance 1, however large the features grow."""
    torch.manual_seed(0)
    encoder = ResidualEncoder(16, 64)
    normalised: list[Tensor] = []
    encoder.norm.register_forward_hook(lambda _module, _inputs, output: normalised.append(output))
    with torch.no_grad():
        encoder.linear.weight.mul_(1000.0)
    embedding = encoder(random_frames(16, 4))
    torch.testing.assert_close(normalised[0].mean(-1), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalised[0].var(-1, correction=0), torch.ones(4), atol=1e-3, rtol=0)
    assert torch.equal(embedding, normalised[0].clamp(min=0))


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    encoder = ResidualEncoder(16, EMBEDDING)
    weights = torch.randn(4, EMBEDDING)
    (encoder(random_frames(16, 4)) * weights).sum().backward()
    without = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_float_frames_are_refused() -> None:
    with pytest.raises(TypeError, match="uint8"):
        ResidualEncoder(16, EMBEDDING)(torch.zeros(2, 16, 16, 3))
