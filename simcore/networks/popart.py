"""PopArt: a linear layer whose outputs' scale follows that of its targets (van Hasselt et al., 2016)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.distributed import Ranks

RATE = 3e-4
"""β, the rate of the moving averages (Hessel et al., 2018)."""
LEAST = 1e-4
"""The least scale, in all and relative to the mean, since float32 knows no finer differences."""


class Moments(NamedTuple):
    """Moving averages of the targets, scalars."""

    mean: Tensor
    """µ."""
    variance: Tensor

    @property
    def scale(self) -> Tensor:
        """σ, the standard deviation, with a lower bound."""
        return torch.maximum(self.variance.sqrt(), LEAST * self.mean.abs().clamp(min=1.0))


class PopArt(nn.Linear):
    """A linear layer with one output, σ (w x + b) + µ, where µ and σ are those of the targets so far.

    A loss in units of σ has gradients of the same size whatever the size of the targets ("ART": adaptively rescaling
    targets). When µ and σ change, w and b are changed so that no output does ("POP": preserving outputs precisely).

    µ and σ² are moving averages, but σ also rises at once to the deviation of a batch from µ, so that no batch's errors
    are many units large: by moving averages alone the first are 1 / √β, and the policy is lost before σ has grown.

    Args:
        features: the number of inputs.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, features: int) -> None:
        super().__init__(features, 1)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("variance", torch.ones(()))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return outputs `[..., 1]` of inputs `[..., features]`, in the targets' own unit."""
        return self.moments.scale * super().forward(inputs) + self.mean

    @property
    def moments(self) -> Moments:
        """The present µ and variance."""
        return Moments(self.mean, self.variance)

    @torch.no_grad()
    def follow(self, targets: Tensor, weights: Tensor, ranks: Ranks) -> Moments:
        """Return the moments once a batch is added; a batch counts by the fraction of its targets that do.

        Args:
            targets: any shape.
            weights: 1 where a target counts, else 0; of the same shape.
            ranks: the processes that share the batch.
        """
        total = ranks.mean(weights.sum())
        rate = RATE * total / weights.numel()

        def mean_of(terms: Tensor) -> Tensor:
            return ranks.mean((weights * terms).sum()) / total

        mean = self.mean + rate * (mean_of(targets) - self.mean)
        # Of the second moment's moving average less the mean's square, without the loss of digits.
        variance = self.variance + rate * (mean_of((targets - self.mean) * (targets - mean)) - self.variance)
        variance = torch.maximum(variance, mean_of((targets - mean).square()))
        new = Moments(mean, variance)
        return Moments(*(added.where(total > 0, old) for added, old in zip(new, self.moments, strict=True)))

    @torch.no_grad()
    def adopt(self, moments: Moments, unless: Tensor) -> None:
        """Take new moments, and change weight and bias so that no output changes.

        Args:
            moments: what `follow` returned.
            unless: a bool scalar on the device; if true nothing changes.
        """
        ratio = self.moments.scale / moments.scale
        bias = self.bias * ratio + (self.mean - moments.mean) / moments.scale
        new = (self.weight * ratio, bias, *moments)
        for old, value in zip((self.weight, self.bias, self.mean, self.variance), new, strict=True):
            old.copy_(torch.where(unless, old, value))
