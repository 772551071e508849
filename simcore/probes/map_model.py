"""The map model: ConvDRAW of the map given the belief, whose samples show the uncertainty (App. I, figure 11)."""

from dataclasses import replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.frame_models import ConvDRAW, ConvDRAWConfig, GECOConfig


class MapModelLoss(NamedTuple):
    """The map model's loss of one batch; each a scalar."""

    loss: Tensor
    """The loss that is minimised, in nats per map."""
    kl: Tensor
    """KL divergence in nats per dimension of the map (N * N * 3 of them)."""
    error: Tensor
    """Squared reconstruction error per dimension of the map."""


class MapModel(nn.Module):
    """The map model p(map | b_t), for maps of any size.

    ConvDRAW needs sizes that it can halve, so maps are padded with black at the right and below, and samples are
    cropped. KL, error and κ are per dimension of the map without the padding; the error in the padding counts as if it
    were the map's.

    Args:
        convdraw: sizes of the ConvDRAW.
        geco: GECO's settings, but for κ and the initial λ, which follow from `kappa`.
        belief_size: the size of b_t.
        map_size: N, the side of the map in cells.
        kappa: κ, the squared error per dimension of the map to reach.
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
        of_map = replace(geco, kappa=kappa / self.enlarged, initial=min(1.0 / (4.0 * kappa), geco.maximum))
        self.draw = ConvDRAW(convdraw, condition_size=belief_size, frame_size=map_size + self.padding, geco=of_map)

    def loss(self, maps: Tensor, beliefs: Tensor, generator: torch.Generator | None = None) -> MapModelLoss:
        """Compute the mean loss of uint8 maps `[..., N, N, 3]` given beliefs `[..., belief_size]`.

        Detach the beliefs, unless the loss is to train them.
        """
        terms = self.draw.loss(self._pad(maps.flatten(0, -4)), beliefs.flatten(0, -2), generator)
        return MapModelLoss(terms.loss.mean(), self.enlarged * terms.kl.mean(), self.enlarged * terms.error.mean())

    def sample(self, beliefs: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Sample uint8 maps `[..., N, N, 3]` given beliefs `[..., belief_size]`."""
        maps = self.draw.sample(beliefs.flatten(0, -2), generator)[:, : self.map_size, : self.map_size]
        return maps.reshape(*beliefs.shape[:-1], *maps.shape[1:])

    def update(self, error: Tensor) -> None:
        """Update GECO's λ by a training batch's mean error per dimension of the map, a scalar."""
        self.draw.update(error / self.enlarged)

    def compile(self, **options: Any) -> None:
        """Compile the loss by torch.compile."""
        self.draw.compile(**options)

    @property
    def multiplier(self) -> Tensor:
        """GECO's λ."""
        return self.draw.multiplier

    def _pad(self, maps: Tensor) -> Tensor:
        return F.pad(maps, (0, 0, 0, self.padding, 0, self.padding))
