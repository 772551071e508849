"""ConvDRAW of the map given the belief: where the agent is unsure, its samples differ (App. I, figure 11)."""

from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.frame_models import ConvDRAW, ConvDRAWConfig, GECOConfig


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
        convdraw: sizes of the ConvDRAW.
        geco: how its λ rises and falls; κ and the initial λ are those of the map.
        belief_size: the size of b_t.
        map_size: N, the map is N x N cells.
        kappa: κ, the error of the map to reach.
    """

    def __init__(
        self,
        convdraw: ConvDRAWConfig = ConvDRAWConfig(),  # noqa: B008
        geco: GECOConfig = GECOConfig(),  # noqa: B008
        *,
        belief_size: int,
        map_size: int,
        kappa: float = 1e-3,
    ) -> None:
        super().__init__()
        self.map_size = map_size
        self.padding = -map_size % convdraw.frame_multiple
        self.enlarged = ((map_size + self.padding) / map_size) ** 2
        of_map = replace(geco, kappa=kappa / self.enlarged, initial=min(0.5 / kappa, geco.maximum))
        self.draw = ConvDRAW(convdraw, condition_size=belief_size, frame_size=map_size + self.padding, geco=of_map)

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
