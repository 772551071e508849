"""GECO: the reconstruction error is a constraint, its weight a Lagrange multiplier (App. G)."""

import torch
from torch import Tensor, nn

LEAST_MULTIPLIER = 1e-6
"""Below this the error has long ceased to matter, and a λ that underflowed to zero could never rise again."""


class GECO(nn.Module):
    """The multiplier λ in min over nets, max over λ in [0, 1000] of KL + λ (error - κ).

    KL and error are both per image dimension, so a Gaussian observation of variance κ corresponds to λ = 1 / (2 κ),
    which is where λ starts unless told otherwise. The ascent is multiplicative, so λ stays positive: each update
    multiplies λ by exp(rate * v), where v is a moving average of the constraint's violation relative to κ,
    (error - κ) / κ, limited to [-1, 1]. Being relative, one rate serves every κ; being limited, the large errors of the
    first batches do not drive λ up long after they have gone.

    Args:
        kappa: κ, the error to reach, per image dimension. Figure 9: about 1e-3 is best for maps.
        rate: the largest change of log λ in an update.
        decay: the decay of the constraint's moving average.
        initial: λ at the start; None: 1 / (2 κ).
        maximum: the largest λ (App. G: 1000).

    Raises:
        ValueError: κ, rate, the initial or the largest λ is not positive, or decay not in [0, 1).
    """

    multiplier: Tensor
    violation: Tensor
    updates: Tensor

    def __init__(
        self,
        kappa: float = 1e-3,
        rate: float = 0.01,
        decay: float = 0.99,
        initial: float | None = None,
        maximum: float = 1000.0,
    ) -> None:
        super().__init__()
        start = 1.0 / (2.0 * kappa) if initial is None and kappa > 0 else initial
        if kappa <= 0 or rate <= 0 or start is None or start <= 0 or maximum <= 0 or not 0 <= decay < 1:
            raise ValueError(
                "GECO needs kappa, rate, initial λ and maximum > 0 and decay in [0, 1), "
                f"not {kappa=}, {rate=}, {initial=}, {decay=}, {maximum=}"
            )
        self.kappa = kappa
        self.rate = rate
        self.decay = decay
        self.maximum = maximum
        self.register_buffer("multiplier", torch.tensor(min(start, maximum)))
        self.register_buffer("violation", torch.tensor(0.0))
        self.register_buffer("updates", torch.tensor(0))

    def forward(self, kl: Tensor, error: Tensor) -> Tensor:
        """Return the Lagrangian KL + λ (error - κ) of the same shape as its arguments; λ is a constant in it."""
        return kl + self.multiplier * (error - self.kappa)

    @torch.no_grad()
    def update(self, error: Tensor) -> None:
        """Do one step of the ascent in λ, after a batch whose mean error (a scalar) was `error`."""
        self.updates += 1
        violation = (error / self.kappa - 1.0).clamp(-1.0, 1.0)
        # The weight of the first batches is corrected as in Adam: the average starts unbiased.
        weight = (1.0 - self.decay) / (1.0 - self.decay ** self.updates.to(torch.float64))
        self.violation.lerp_(violation, weight.to(violation))
        self.multiplier.mul_(torch.exp(self.rate * self.violation)).clamp_(LEAST_MULTIPLIER, self.maximum)

    def extra_repr(self) -> str:
        """Say the settings in the module's printed form."""
        return f"kappa={self.kappa:g}, rate={self.rate:g}, decay={self.decay:g}, maximum={self.maximum:g}"
