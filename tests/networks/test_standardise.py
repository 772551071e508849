"""Standardised inputs: against NumPy, and over processes that share a batch."""

import torch

from simcore.networks import Standardise


def batches(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(64, 3, generator=generator) * torch.tensor([1e-3, 1.0, 50.0]) + 7.0 for _ in range(count)]


def test_fitted_values_have_mean_0_and_variance_1() -> None:
    standardise = Standardise(3)
    values = batches(1)[0]
    standardise.fit(values)
    scaled = standardise(values)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(scaled.var(0, correction=0), torch.ones(3), atol=0.02, rtol=0)


def test_a_feature_that_never_varies_becomes_nothing() -> None:
    standardise = Standardise(1)
    standardise.fit(torch.full((8, 1), 5.0))
    assert torch.equal(standardise(torch.full((8, 1), 5.0)), torch.zeros(8, 1))


def test_the_first_batches_count_alike() -> None:
    """Until the decay takes over, the averages are those of all that was seen."""
    standardise = Standardise(3, decay=0.99)
    seen = batches(10)
    for values in seen:
        standardise.track(values)
    together = torch.cat(seen).double()
    torch.testing.assert_close(standardise.mean.double(), together.mean(0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(standardise.variance.double(), together.var(0, correction=0), rtol=1e-3, atol=0)


def test_later_ones_make_the_old_fade() -> None:
    standardise = Standardise(1, decay=0.9)
    for _ in range(100):
        standardise.track(torch.tensor([[0.0], [2.0]]))
    for _ in range(100):
        standardise.track(torch.tensor([[9.0], [13.0]]))
    torch.testing.assert_close(standardise.mean, torch.tensor([11.0]), rtol=1e-3, atol=0)
    torch.testing.assert_close(standardise.variance, torch.tensor([4.0]), rtol=2e-2, atol=0)


def test_a_shared_batch_gives_what_the_whole_gives() -> None:
    whole, part = Standardise(3), Standardise(3)
    for values in batches(4):
        halves = values[:32], values[32:]
        mean = values.mean(0)
        told = iter([mean, sum((half - mean).square().mean(0) for half in halves) / 2])
        part.track(halves[0], lambda _: next(told))  # noqa: B023
        whole.track(values)
    torch.testing.assert_close(part.mean, whole.mean)
    torch.testing.assert_close(part.variance, whole.variance, rtol=1e-3, atol=1e-9)
