"""GECO: the reconstruction error as a constraint with a Lagrange multiplier (App. G).

Rezende and Viola, "Taming VAEs", 2018, arXiv 1810.00597.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from simcore.common.checks import Decay, Positive, require, require_fields

LEAST_MULTIPLIER = 1e-6
"""Lower bound of λ: the error has no weight there, but a λ that underflowed to zero could never rise again."""


@dataclass(frozen=True)
class GECOConfig:
    """The constraint on the reconstruction error (App. G)."""

    kappa: Positive = 1e-3
    """κ, target squared error per image dimension (figure 9: about 1e-3 is best for maps)."""
    rate: Positive = 0.01
    """Largest change of log λ per update."""
    decay: Decay = 0.99
    """Decay of the constraint's moving average."""
    initial: Positive | None = None
    """λ at the start; none: 1 / (16 κ), near where it converges, since frames are smooth."""
    maximum: Positive = 1000.0
    """The largest λ (App. G: 1000)."""

    def __post_init__(self) -> None:
        require_fields("geco.", self)
        require(
            self.initial is None or self.initial <= self.maximum,
            f"geco.initial must be at most geco.maximum, {self.maximum:g}, not {self.initial}",
        )


class GECO(nn.Module):
    """The multiplier λ in min over nets, max over λ in [0, 1000] of KL + λ (error - κ).

    KL and error are both per image dimension. Each update multiplies λ by exp(rate * v), where v is a moving average of
    the relative violation (error - κ) / κ, clipped to [-1, 1]; each batch's mean error has the same weight in it. λ
    starts at 1 / (16 κ) by default, near where it settles for smooth frames; docs/geco.md derives that.

    Args:
        config: κ, and the step size and bounds of λ.
    """

    multiplier: Tensor
    violation: Tensor
    updates: Tensor

    def __init__(self, config: GECOConfig = GECOConfig()) -> None:
        super().__init__()
        self.kappa = config.kappa
        self.rate = config.rate
        self.decay = config.decay
        self.maximum = config.maximum
        start = 1.0 / (16.0 * config.kappa) if config.initial is None else config.initial
        self.register_buffer("multiplier", torch.tensor(min(start, config.maximum)))
        self.register_buffer("violation", torch.tensor(0.0))
        self.register_buffer("updates", torch.tensor(0))

    def forward(self, kl: Tensor, error: Tensor) -> Tensor:
        """Return the Lagrangian KL + λ (error - κ), of the arguments' shape; λ is a constant in it."""
        return kl + self.multiplier * (error - self.kappa)

    @torch.no_grad()
    def update(self, error: Tensor) -> None:
        """Make one step of the ascent in λ, given a batch's mean error, a scalar.

        NaN, the error of a batch in which nothing was reconstructed, changes nothing.
        """
        valid = ~error.isnan()  # kept on the device, so that the host need not wait
        self.updates += valid
        violation = (error / self.kappa - 1.0).clamp(-1.0, 1.0)
        # Bias-corrected as in Adam.
        weight = (1.0 - self.decay) / (1.0 - self.decay ** self.updates.to(torch.float64))
        average = self.violation.lerp(violation, weight.to(violation))
        multiplier = (self.multiplier * torch.exp(self.rate * average)).clamp(LEAST_MULTIPLIER, self.maximum)
        self.violation.copy_(torch.where(valid, average, self.violation))
        self.multiplier.copy_(torch.where(valid, multiplier, self.multiplier))

    def extra_repr(self) -> str:
        """Return the settings for the module's printed form."""
        return f"kappa={self.kappa:g}, rate={self.rate:g}, decay={self.decay:g}, maximum={self.maximum:g}"
