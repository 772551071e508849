"""PopArt: outputs that stay when the scale of the targets moves, and moments as they are by their definition."""

import numpy as np
import pytest
import torch
from torch import Tensor

from simcore.common.distributed import Ranks
from simcore.networks import PopArt
from simcore.networks.popart import BETA

FALSE = torch.tensor(False)


def make_layer() -> PopArt:
    torch.manual_seed(0)
    return PopArt(5).double()


def batches(size: float, count: int = 6) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    drawn = [(torch.randn(4, 3, generator=generator), torch.rand(4, 3, generator=generator)) for _ in range(count)]
    return [(size * (1 + noise.double()), (chance < 0.7).double()) for noise, chance in drawn]


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e5])
def test_no_output_changes_when_mean_and_scale_do(size: float) -> None:
    layer, inputs = make_layer(), torch.randn(50, 5, dtype=torch.float64)
    before = layer(inputs)
    for targets, weights in batches(size):
        layer.rescale_to(layer.moments_with(targets, weights, Ranks()), FALSE)
    assert layer.mean != 0
    assert layer.variance != 1
    torch.testing.assert_close(layer(inputs), before, rtol=1e-12, atol=1e-12 * size)


def test_moments_are_means_over_batches_and_then_moving_averages_weighted_by_the_targets_that_count() -> None:
    layer, mean, square = make_layer(), 0.0, 1.0
    layer.batches.fill_(1 / BETA - 3)
    for number, (targets, weights) in enumerate(batches(0.1), start=1):
        layer.rescale_to(layer.moments_with(targets, weights, Ranks()), FALSE)
        counted = targets[weights > 0].numpy()
        rate = max(1 / (1 / BETA - 3 + number), BETA * weights.mean().item())
        mean += rate * (counted.mean() - mean)
        square += rate * (np.square(counted).mean() - square)
    assert layer.mean.item() == pytest.approx(mean, rel=1e-6)
    # The mean square is of one weight more than the mean's own square.
    assert layer.variance.item() == pytest.approx(square - mean**2, rel=1e-6)


@pytest.mark.parametrize("size", [1e-2, 1e4])
def test_the_scale_is_that_of_the_targets_from_the_first_batches_on(size: float) -> None:
    layer = make_layer()
    for targets, weights in batches(size, count=20):
        layer.rescale_to(layer.moments_with(targets, weights, Ranks()), FALSE)
    assert layer.mean.item() == pytest.approx(size, rel=0.2)
    assert layer.moments.scale.item() == pytest.approx(size, rel=0.7), "also the largest of some batches"


def test_the_scale_rises_at_once_to_the_errors_of_a_batch_and_falls_to_what_the_average_keeps_of_them() -> None:
    layer = make_layer()
    for targets, weights in batches(1.0, count=300):
        layer.rescale_to(layer.moments_with(targets, weights, Ranks()), FALSE)
    before = layer.moments.scale.item()
    ((large, weights),) = batches(1e3, count=1)
    moments = layer.moments_with(large, weights, Ranks())
    errors = (large - moments.mean)[weights > 0] / moments.scale
    assert errors.square().mean().item() == pytest.approx(1.0)
    layer.rescale_to(moments, FALSE)
    scales = []
    for targets, weights in batches(1.0, count=1500):
        layer.rescale_to(layer.moments_with(targets, weights, Ranks()), FALSE)
        scales.append(layer.moments.scale.item())
    assert scales[9] > 500
    assert scales[-1] == layer.variance.sqrt().item() < 60 * before, "the average of all, one of them so large"


def test_moments_that_an_earlier_version_kept_go_on() -> None:
    layer, old = make_layer(), make_layer()
    old.mean.fill_(3.0)
    kept = {name: value for name, value in old.state_dict().items() if name not in ("batches", "peak")}
    layer.load_state_dict(kept)
    assert layer.mean == 3.0
    assert layer.batches * BETA == pytest.approx(1.0)


def test_where_no_target_counts_or_the_update_failed_nothing_changes() -> None:
    layer = make_layer()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer.rescale_to(layer.moments_with(torch.ones(3), torch.zeros(3), Ranks()), FALSE)
    layer.rescale_to(layer.moments_with(1e9 * torch.ones(3), torch.ones(3), Ranks()), torch.tensor(True))
    layer.rescale_to(layer.moments_with(torch.full((3,), torch.nan), torch.ones(3), Ranks()), torch.tensor(True))
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_constant_targets_have_a_scale_above_the_steps_of_float32() -> None:
    layer = PopArt(5)
    for _ in range(20):
        layer.mean.fill_(1e6)
        layer.variance.fill_(0.0)
        layer.rescale_to(layer.moments_with(torch.full((3,), 1e6), torch.ones(3), Ranks()), FALSE)
    assert layer.moments.scale.item() == pytest.approx(100.0)
