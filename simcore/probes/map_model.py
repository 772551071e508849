"""ConvDRAW of the map given the belief: where the agent is unsure, its samples differ (App. I, figure 11)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.frame_models import GECO, ConvDRAW


class MapModelLoss(NamedTuple):
    """The map model's loss of one batch; each a scalar."""

    loss: Tensor
    """What is minimised, in nats a map."""
    kl: Tensor
    """KL divergence in nats per dimension of the map (N * N * 3)."""
    error: Tensor
    """Squared reconstruction error per dimension of the map."""


class MapModel(nn.Module):
    """p(map | b), for maps of any size.

    ConvDRAW wants sizes that it can halve, so maps are padded with black at the right and below, and what is drawn is
    cropped. The padding is no part of the map: KL and error are told, and κ is meant, per dimension of the map alone;
    what error there is in the padding counts as if it were the map's.

    Args:
        belief_size: the size of b_t.
        map_size: N, the map is N x N cells.
        kappa: κ, the error of the map to reach.
        rate: of GECO.
        decay: of GECO.
        steps: of ConvDRAW, as the following ones.
        latent_channels: see `ConvDRAW`.
        state_channels: see `ConvDRAW`.
        encoder_channels: see `ConvDRAW`.
        decoder_channels: see `ConvDRAW`.
        kernel_size: see `ConvDRAW`.
    """

    def __init__(
        self,
        belief_size: int,
        map_size: int,
        kappa: float = 1e-3,
        rate: float = 0.01,
        decay: float = 0.99,
        steps: int = 8,
        latent_channels: int = 16,
        state_channels: int = 64,
        encoder_channels: tuple[int, ...] = (16, 16),
        decoder_channels: tuple[int, ...] = (32, 32),
        kernel_size: int = 5,
    ) -> None:
        super().__init__()
        multiple = 2 ** (len(encoder_channels) + 1)
        self.map_size = map_size
        self.padding = -map_size % multiple
        self.enlarged = ((map_size + self.padding) / map_size) ** 2
        self.draw = ConvDRAW(
            belief_size,
            GECO(kappa / self.enlarged, rate, decay, initial=0.5 / kappa),
            map_size + self.padding,
            steps,
            latent_channels,
            state_channels,
            encoder_channels,
            decoder_channels,
            kernel_size,
        )

    def loss(self, maps: Tensor, beliefs: Tensor, generator: torch.Generator | None = None) -> MapModelLoss:
        """Return the loss of uint8 maps `[..., N, N, 3]` given beliefs `[..., belief_size]`, the mean over them.

        Detach the beliefs, or the model trains them.
        """
        terms = self.draw.loss(self._pad(maps.flatten(0, -4)), beliefs.flatten(0, -2), generator)
        return MapModelLoss(terms.loss.mean(), self.enlarged * terms.kl.mean(), self.enlarged * terms.error.mean())

    def sample(self, beliefs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Sample uint8 maps `[..., N, N, 3]` given beliefs `[..., belief_size]`."""
        maps = self.draw.sample(beliefs.flatten(0, -2), generator)[:, : self.map_size, : self.map_size]
        return maps.reshape(*beliefs.shape[:-1], *maps.shape[1:])

    def update(self, error: Tensor) -> None:
        """Let GECO take note of a training batch's mean error."""
        self.draw.update(error / self.enlarged)

    @property
    def multiplier(self) -> Tensor:
        """GECO's λ."""
        return self.draw.multiplier

    def _pad(self, maps: Tensor) -> Tensor:
        return F.pad(maps, (0, 0, 0, self.padding, 0, self.padding))
