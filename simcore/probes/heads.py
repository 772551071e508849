"""Probe heads: nets that read one target each from a belief, one for each kind of target."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.common.checks import require
from simcore.common.registry import Registry, make_part
from simcore.networks import Standardise, mlp
from simcore.probes.config import ProbesConfig
from simcore.worlds.api import ProbeTarget

MIN_DEVIATION = 1e-4
"""A number that varies by less than this fraction of its mean counts as constant."""
LEGACY_COUNT = 100
"""Batches that moments of an earlier version count as."""
Average = Callable[[Tensor], Tensor]
"""The mean of a tensor over the processes that share a batch."""


class ProbeHead(nn.Module):
    """Base class of nets from a belief to one target; the target's kind determines the loss and the score.

    A subclass is made as `Head(config, *, belief_size, target)`, and may leave out arguments that it does not need. Its
    `forward` maps standardised beliefs `[..., belief_size]` to the logits of a class `[..., C]`, a vector `[..., D]`,
    or a picture `[..., H, W, 3]` on the scale [0, 1], which need not be bounded.
    """

    def unit_for(self, target: Tensor, average: Average) -> Tensor | None:
        """Return the unit in which the errors of vectors `[..., D]` are trained, `[D]`; None: that of the target.

        Args:
            target: a batch of them, or this process's part of it.
            average: takes the mean over the processes that share it.
        """
        return None

    def begin_at(self, target: Tensor) -> None:
        """Initialise the net from targets `[N, ...]`, for instance at their mean; by default do nothing."""

    def follow(self, target: Tensor, average: Average, failed: Tensor) -> None:
        """Follow targets `[N, ...]` after an update of an online probe; by default do nothing.

        Args:
            target: a batch of them, or this process's part of it.
            average: takes the mean over the processes that share it.
            failed: a bool scalar on the device; if true nothing may change.
        """
        return


probe_heads: Registry[Callable[..., ProbeHead]] = Registry("probe head", ProbeHead)
"""The heads by the kind of target that they read, or by a name for `ProbesConfig.heads`."""


def find_heads(config: ProbesConfig, targets: Sequence[ProbeTarget]) -> dict[str, Callable[..., ProbeHead]]:
    """Return the heads' classes by the targets' names, in the targets' order.

    Raises:
        UserError: a head is named for an unknown target, or there is no such head.
    """
    names = [target.name for target in targets]
    for name in config.head_of:
        require(name in names, f"probes.heads names a head for {name}; the world tells {', '.join(names) or 'nothing'}")
    return {target.name: probe_heads.find(config.head_of.get(target.name, target.kind)) for target in targets}


def make_head(head: Callable[..., ProbeHead], config: ProbesConfig, belief_size: int, target: ProbeTarget) -> ProbeHead:
    """Make the head of a target, with fresh weights.

    Raises:
        UserError: the head requires an argument that is not offered.
    """
    name = f"the probe head of {target.name}"
    return make_part(head, name, config=config, belief_size=belief_size, target=target)


@probe_heads.register("class")
class ClassHead(nn.Sequential, ProbeHead):
    """An MLP from a belief to the logits of a class, with LayerNorm.

    Args:
        config: hidden layers and their units.
        belief_size: the size of b_t.
        target: a class of C.
    """

    def __init__(self, config: ProbesConfig, *, belief_size: int, target: ProbeTarget) -> None:
        super().__init__(*mlp(*hidden_sizes(config, belief_size), *target.shape, normalise=True))


@probe_heads.register("vector")
class VectorHead(ProbeHead):
    """An MLP from a belief to a vector, with LayerNorm; the targets are standardised, whatever their unit.

    Args:
        config: hidden layers and their units.
        belief_size: the size of b_t.
        target: a vector of D.
    """

    def __init__(self, config: ProbesConfig, *, belief_size: int, target: ProbeTarget) -> None:
        super().__init__()
        self.net = mlp(*hidden_sizes(config, belief_size), *target.shape, normalise=True)
        self.standardise = Standardise(*target.shape)
        self.register_load_state_dict_pre_hook(_upgrade_vector_head)  # type: ignore[no-untyped-call]

    @property
    def unit(self) -> Tensor:
        """The standard deviation of each number, `[D]`; 1 for one that never varies, except by rounding."""
        deviation = self.standardise.variance.sqrt()
        return torch.where(deviation > MIN_DEVIATION * self.standardise.mean.abs(), deviation, 1.0)

    @torch.no_grad()
    def unit_for(self, target: Tensor, average: Average) -> Tensor:
        """Return the unit, or the deviation of a batch `[..., D]` where that is larger."""
        errors = (target - self.standardise.mean).flatten(0, -2)
        return torch.maximum(self.unit, average(errors.square().mean(0)).sqrt())

    def begin_at(self, target: Tensor) -> None:
        """Begin at the mean of vectors `[N, D]`, in units of their deviation."""
        self.standardise.fit(target)

    def follow(self, target: Tensor, average: Average, failed: Tensor) -> None:
        """Let mean and deviation follow vectors `[N, D]`; except for the first time, this changes no answer."""
        had_begun, mean, unit = self.standardise.count > 0, self.standardise.mean.clone(), self.unit
        self.standardise.track(target, average, failed)
        ratio = torch.where(had_begun, unit / self.unit, 1.0)
        shift = torch.where(had_begun, (mean - self.standardise.mean) / self.unit, 0.0)
        last = cast(nn.Linear, self.net[-1])
        with torch.no_grad():
            last.weight.mul_(ratio[:, None])
            last.bias.mul_(ratio).add_(shift)

    def forward(self, beliefs: Tensor) -> Tensor:
        """Read vectors `[..., D]` from beliefs `[..., belief_size]`."""
        read: Tensor = self.standardise.mean + self.unit * self.net(beliefs)
        return read


@probe_heads.register("picture")
class PictureHead(ProbeHead):
    """A net from a belief to a picture: hidden layers, a few features of each cell, and convolutions over the cells.

    Convolutions share their weights between cells, so they learn from fewer maps than a linear layer (at equal CPU time
    72.0 against 74.2 % of the constant guess's error, on the same belief of `tiny`).

    Args:
        config: hidden layers, their units, and the features of a cell.
        belief_size: the size of b_t.
        target: a picture of H x W cells of 3 colours.
    """

    def __init__(self, config: ProbesConfig, *, belief_size: int, target: ProbeTarget) -> None:
        super().__init__()
        self.height, self.width, colours = target.shape
        channels = config.channels
        cells = self.height * self.width
        self.features = mlp(*hidden_sizes(config, belief_size), channels * cells, normalise=True)
        self.neighbours = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.colours = nn.Conv2d(channels, colours, 1)
        nn.init.zeros_(self.colours.weight)
        nn.init.zeros_(self.get_parameter("colours.bias"))
        self.mean = nn.Parameter(torch.full((colours, self.height, self.width), 0.5))
        """The initial decoded picture `[3, H, W]`, to which the net's output is added."""

    @torch.no_grad()
    def begin_at(self, target: Tensor) -> None:
        """Initialise the decoded picture with the mean of pictures, uint8 `[N, H, W, 3]`."""
        self.mean.copy_(mean_picture(target).movedim(-1, 0))

    def forward(self, beliefs: Tensor) -> Tensor:
        """Decode beliefs `[..., belief_size]` to pictures, float `[..., H, W, 3]`, not bounded to [0, 1]."""
        lead = beliefs.shape[:-1]
        cells = self.features(beliefs).view(lead.numel(), -1, self.height, self.width)
        maps = self.mean + self.colours(F.relu(cells + self.neighbours(cells)))
        return maps.movedim(1, -1).unflatten(0, lead)


def mean_picture(pictures: Tensor) -> Tensor:
    """Return the mean of pictures, uint8 `[N, H, W, 3]`, as float32 `[H, W, 3]` in [0, 1], without a float copy."""
    total = torch.zeros(pictures.shape[1:], dtype=torch.int64, device=pictures.device)
    for part in torch.split(pictures, 4096):
        total += part.sum(0, dtype=torch.int64)
    return (total.double() / (255.0 * len(pictures))).float()


def hidden_sizes(config: ProbesConfig, belief_size: int) -> tuple[int, ...]:
    """Return the sizes of a head's input and hidden layers."""
    return (belief_size, *[config.hidden_size] * config.layers)


def upgrade_probes(probes: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Drop the weights of probes of an older version, with one hidden layer each; fresh probes read such a run."""
    if f"{prefix}map.0.weight" not in state or "map.0.weight" in probes.state_dict():
        return
    for name in [name for name in state if name.startswith(prefix)]:
        del state[name]
    state |= {prefix + name: value for name, value in probes.state_dict().items()}


def _upgrade_vector_head(head: VectorHead, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Convert the weights of a head of an earlier version."""
    if f"{prefix}scale" in state:
        state[f"{prefix}standardise.mean"] = state.pop(f"{prefix}mean")
        state[f"{prefix}standardise.variance"] = state.pop(f"{prefix}scale").square()
        state[f"{prefix}standardise.count"] = torch.tensor(LEGACY_COUNT)  # so that a resumed run reads what it has read
