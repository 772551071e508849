"""Standardisation of inputs to mean 0 and variance 1."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """Standardise each feature `[..., features]` by a mean and variance that are fitted or tracked.

    Args:
        features: the number of features.
        decay: of the moving averages that `track` keeps.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, features: int, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))
        self.register_buffer("count", torch.tensor(0))

    @torch.no_grad()
    def fit(self, values: Tensor) -> None:
        """Set mean and variance to those of `[N, features]`."""
        self.mean.copy_(values.mean(0))
        self.variance.copy_(values.var(0, correction=0))

    @torch.no_grad()
    def track(
        self,
        values: Tensor,
        average: Callable[[Tensor], Tensor] = lambda mean: mean,
        failed: Tensor | None = None,
    ) -> None:
        """Update the moving averages of mean and variance, at first plain means, with a batch `[N, features]`.

        Args:
            values: the batch, or this process's part of it.
            average: takes the mean over the processes that share it.
            failed: a bool scalar on the device; if true nothing changes.
        """
        count = self.count + 1
        weight = (1.0 / count).clamp(min=1.0 - self.decay)
        mean = average(values.mean(0))
        within = average((values - mean).square().mean(0))
        shift = mean - self.mean
        variance = self.variance * (1.0 - weight) + weight * (within + (1.0 - weight) * shift.square())
        for old, new in ((self.count, count), (self.variance, variance), (self.mean, self.mean + weight * shift)):
            old.copy_(new if failed is None else torch.where(failed, old, new))

    def forward(self, values: Tensor) -> Tensor:
        """Standardise `[..., features]`; a feature that never varies becomes 0."""
        scaled: Tensor = (values - self.mean) * (self.variance + 1e-8).rsqrt()
        return scaled
