"""Probes of the belief: the top-down map, the cell where the agent stands, and its heading (App. H, I)."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from simcore.learning.trajectory import Truth
from simcore.networks import mlp


class Knowing(NamedTuple):
    """The probes' loss and scores of one batch; each a scalar."""

    loss: Tensor
    """The sum of the three probes' losses; their parameters are disjoint, so the sum trains each alone."""
    map_mse: Tensor
    """Squared error of the decoded map, a pixel and colour in [0, 1]."""
    cell_accuracy: Tensor
    """How often the most likely cell is the true one."""
    heading_accuracy: Tensor
    """How often the most likely heading is the true one."""


class Readout(NamedTuple):
    """What the probes say of beliefs `[...]`."""

    maps: Tensor
    """Decoded maps, float `[..., N, N, 3]`, not bounded to [0, 1]."""
    cells: Tensor
    """Logits over cells `[..., N * N]`."""
    headings: Tensor
    """Logits over headings `[..., number of headings]`."""


class Probes(nn.Module):
    """Three small nets from a belief to what the world hides.

    Args:
        belief_size: the size of b_t.
        map_size: N, the map is N x N cells.
        num_headings: the number of headings.
        hidden_size: hidden units of each net.
    """

    def __init__(self, belief_size: int, map_size: int, num_headings: int, hidden_size: int = 512) -> None:
        super().__init__()
        self.map_size = map_size
        self.map = mlp(belief_size, hidden_size, map_size * map_size * 3)
        self.cell = mlp(belief_size, hidden_size, map_size * map_size)
        self.heading = mlp(belief_size, hidden_size, num_headings)

    def forward(self, beliefs: Tensor) -> Readout:
        """Read beliefs `[..., belief_size]`."""
        maps = self.map(beliefs).unflatten(-1, (self.map_size, self.map_size, 3))
        return Readout(maps, self.cell(beliefs), self.heading(beliefs))

    def loss(self, beliefs: Tensor, truth: Truth, map_weight: float = 1.0) -> Knowing:
        """Compare with the truth.

        Args:
            beliefs: `[T, B, belief_size]`; detach them, or the probes train the belief.
            truth: what the world knows, `[T, B, ...]`.
            map_weight: weight of the map's error in the loss; it matters only where the belief is trained.
        """
        read = self(beliefs)
        map_mse = F.mse_loss(read.maps, truth.maps / 255.0)
        cell_loss = F.cross_entropy(read.cells.flatten(0, -2), truth.cells.flatten())
        heading_loss = F.cross_entropy(read.headings.flatten(0, -2), truth.headings.flatten())
        return Knowing(
            map_weight * map_mse + cell_loss + heading_loss,
            map_mse.detach(),
            (read.cells.argmax(-1) == truth.cells).float().mean(),
            (read.headings.argmax(-1) == truth.headings).float().mean(),
        )
