"""Probes of the belief: the top-down map, the cell where the agent stands, and its heading (App. H, I)."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.data.targets import ProbeTargets
from simcore.networks import Standardise, mlp


class ProbeLoss(NamedTuple):
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


class MapReader(nn.Module):
    """A belief to a map: hidden layers, a few features of every cell, and convolutions over the cells.

    Convolutions know that a map is alike everywhere, and so learn from fewer maps than a layer with weights for each
    cell (at equal CPU time 72.0 against 74.2 % of the constant guess's error, on one and the same belief of `tiny`).

    Args:
        belief_size: the size of b_t.
        map_size: N, the map is N x N cells.
        hidden_size: units of each hidden layer.
        layers: hidden layers.
        channels: features of a cell.
    """

    def __init__(self, belief_size: int, map_size: int, hidden_size: int, layers: int, channels: int) -> None:
        super().__init__()
        self.map_size = map_size
        sizes = (belief_size, *[hidden_size] * layers)
        self.features = mlp(*sizes, channels * map_size * map_size, normalise=True)
        self.neighbours = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.colours = nn.Conv2d(channels, 3, 1)
        nn.init.zeros_(self.colours.weight)
        nn.init.zeros_(self.get_parameter("colours.bias"))
        self.mean = nn.Parameter(torch.full((3, map_size, map_size), 0.5))
        """Where the decoded map begins, whatever the belief."""

    def forward(self, beliefs: Tensor) -> Tensor:
        """Decode beliefs `[..., belief_size]` to maps, float `[..., N, N, 3]`, not bounded to [0, 1]."""
        lead = beliefs.shape[:-1]
        cells = self.features(beliefs).view(lead.numel(), -1, self.map_size, self.map_size)
        maps = self.mean + self.colours(F.relu(cells + self.neighbours(cells)))
        return maps.movedim(1, -1).unflatten(0, lead)


class Probes(nn.Module):
    """Three nets from a belief to what the world hides, of hidden layers with LayerNorm; inputs are standardised.

    Args:
        belief_size: the size of b_t.
        map_size: N, the map is N x N cells.
        num_headings: the number of headings.
        hidden_size: units of each hidden layer.
        layers: hidden layers of each net; 0: linear.
        channels: features of each cell of the map.
    """

    def __init__(
        self,
        belief_size: int,
        map_size: int,
        num_headings: int,
        hidden_size: int = 512,
        layers: int = 2,
        channels: int = 32,
    ) -> None:
        super().__init__()
        self.standardise = Standardise(belief_size)
        sizes = (belief_size, *[hidden_size] * layers)
        self.map = MapReader(belief_size, map_size, hidden_size, layers, channels)
        self.cell = mlp(*sizes, map_size * map_size, normalise=True)
        self.heading = mlp(*sizes, num_headings, normalise=True)
        self.register_load_state_dict_pre_hook(_leave_out_shallow)  # type: ignore[no-untyped-call]

    def forward(self, beliefs: Tensor) -> Readout:
        """Read beliefs `[..., belief_size]`."""
        inputs = self.standardise(beliefs)
        return Readout(self.map(inputs), self.cell(inputs), self.heading(inputs))

    @torch.no_grad()
    def begin_at(self, mean_map: Tensor) -> None:
        """Let the decoded map begin as `mean_map`, float `[N, N, 3]`."""
        self.map.mean.copy_(mean_map.movedim(-1, 0))

    def loss(self, beliefs: Tensor, truth: ProbeTargets, map_weight: float = 1.0) -> ProbeLoss:
        """Compare with the truth.

        Args:
            beliefs: `[..., belief_size]`; detach them, or the probes train the belief.
            truth: what the world knows, alike.
            map_weight: weight of the map's error in the loss; it matters only where the belief is trained.
        """
        read = self(beliefs)
        map_mse = F.mse_loss(read.maps, truth.maps / 255.0)
        cell_loss = F.cross_entropy(read.cells.flatten(0, -2), truth.cells.flatten())
        heading_loss = F.cross_entropy(read.headings.flatten(0, -2), truth.headings.flatten())
        return ProbeLoss(
            map_weight * map_mse + cell_loss + heading_loss,
            map_mse.detach(),
            (read.cells.argmax(-1) == truth.cells).float().mean(),
            (read.headings.argmax(-1) == truth.headings).float().mean(),
        )


def _leave_out_shallow(probes: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Leave out probes of a time in which each was a net of one hidden layer; fresh ones read such a run."""
    if f"{prefix}map.0.weight" not in state:
        return
    for name in [name for name in state if name.startswith(prefix)]:
        del state[name]
    state |= {prefix + name: value for name, value in probes.state_dict().items()}
