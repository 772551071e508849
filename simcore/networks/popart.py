"""PopArt: a linear layer whose outputs' scale follows that of its targets (van Hasselt et al., 2016)."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.distributed import Ranks

BETA = 3e-4
"""β, the rate of the moving averages (Hessel et al., 2018)."""
PEAK_DECAY = 0.99
"""The fraction of a single batch's variance that is left after an update."""
MIN_SCALE = 1e-4
"""The smallest scale, absolute and relative to the mean, since float32 resolves no finer differences."""


class Moments(NamedTuple):
    """What is known of the targets, scalars."""

    mean: Tensor
    """µ, a moving average."""
    variance: Tensor
    """A moving average."""
    peak: Tensor
    """The largest mean square deviation from µ of a recent batch, fading."""
    batches: Tensor
    """Their number."""

    @property
    def scale(self) -> Tensor:
        """σ, the root of variance or peak, whichever is larger, with a lower bound."""
        deviation = torch.maximum(self.variance, self.peak).sqrt()
        return torch.maximum(deviation, MIN_SCALE * torch.maximum(self.mean.abs(), torch.ones_like(self.mean)))


class PopArt(nn.Linear):
    """A linear layer with one output, σ (w x + b) + µ, where µ and σ are those of the targets so far.

    A loss in units of σ has gradients of the same size whatever the size of the targets ("ART": adaptively rescaling
    targets). When µ and σ change, w and b are changed so that no output does ("POP": preserving outputs precisely).

    It differs from the papers in two ways. Averages are plain means until there are as many batches as the moving
    averages span, so they adapt at once to targets of any scale. And σ rises at once to the deviation of a batch, so
    that no error is many units large, then decays within some hundred updates to what the averages keep of that batch.

    Args:
        features: the number of inputs.
    """

    mean: Tensor
    variance: Tensor
    peak: Tensor
    batches: Tensor

    def __init__(self, features: int) -> None:
        super().__init__(features, 1)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("variance", torch.ones(()))
        self.register_buffer("peak", torch.zeros(()))
        self.register_buffer("batches", torch.zeros(()))
        self.register_load_state_dict_pre_hook(_upgrade_moments)  # type: ignore[no-untyped-call]

    def forward(self, inputs: Tensor) -> Tensor:
        """Return outputs `[..., 1]` of inputs `[..., features]`, in the targets' own unit."""
        return self.moments.scale * super().forward(inputs) + self.mean

    @property
    def moments(self) -> Moments:
        """The present moments."""
        return Moments(self.mean, self.variance, self.peak, self.batches)

    @torch.no_grad()
    def moments_with(self, targets: Tensor, weights: Tensor, ranks: Ranks) -> Moments:
        """Return the moments after a batch, which is weighted by the fraction of its targets that count.

        Args:
            targets: any shape.
            weights: 1 where a target counts, else 0; of the same shape.
            ranks: the processes that share the batch.
        """
        total = ranks.mean(weights.sum())
        batches = self.batches + 1
        rate = torch.maximum(1 / batches, BETA * total / weights.numel())

        def mean_of(terms: Tensor) -> Tensor:
            return ranks.mean((weights * terms).sum()) / total

        mean = self.mean + rate * (mean_of(targets) - self.mean)
        # Of the second moment's moving average less the mean's square, without the loss of digits.
        variance = self.variance + rate * (mean_of((targets - self.mean) * (targets - mean)) - self.variance)
        peak = torch.maximum(PEAK_DECAY * self.peak, mean_of((targets - mean).square()))
        new = Moments(mean, variance, peak, batches)
        return Moments(*(added.where(total > 0, old) for added, old in zip(new, self.moments, strict=True)))

    @torch.no_grad()
    def rescale_to(self, moments: Moments, failed: Tensor) -> None:
        """Take new moments, and change weight and bias so that no output changes.

        Args:
            moments: what `moments_with` returned.
            failed: a bool scalar on the device; if true nothing changes.
        """
        ratio = self.moments.scale / moments.scale
        bias = self.bias * ratio + (self.mean - moments.mean) / moments.scale
        new = (self.weight * ratio, bias, *moments)
        for old, value in zip((self.weight, self.bias, *self.moments), new, strict=True):
            old.copy_(torch.where(failed, old, value))


def _upgrade_moments(layer: PopArt, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Let moments of an earlier version, which kept neither their number nor a peak, count as those of many batches."""
    if f"{prefix}mean" in state and f"{prefix}batches" not in state:
        state |= {f"{prefix}batches": torch.tensor(1 / BETA), f"{prefix}peak": torch.tensor(0.0)}
