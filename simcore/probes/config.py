"""The configuration of the probes; apart from the nets, so that importing it does not import PyTorch."""

from dataclasses import dataclass
from typing import Annotated

from simcore.common.checks import Capacity, Count, Positive, Range, Width, require, require_fields


@dataclass(frozen=True)
class ProbesConfig:
    """Small nets that read the world's targets from the belief, such as the map (App. I), cell and heading.

    Online probes, trained alongside the belief, give the curves (learning.probe_times, learning.probe_learning_rate).
    Reports and figures use fresh ones, trained in full on the frozen belief.
    """

    hidden_size: Width = 512
    """Units of each hidden layer."""
    layers: Annotated[int, Range(0, 64)] = 2
    """Hidden layers of each net; 0: linear."""
    channels: Width = 32
    """Features per cell of the map, from which its colour is read."""
    heads: tuple[str, ...] = ()
    """Nets of your own instead of those for a target's kind, as target=module:Name, such as map=my_module:MyHead."""
    worlds: Capacity = 12288
    """Worlds in which fresh probes are trained, one episode each."""
    validation_worlds: Capacity = 256
    """Separate worlds, on which the best step of their training is chosen."""
    times: Capacity = 10
    """Times, sampled for each of these episodes, at which fresh probes read the belief."""
    epochs: Count = 3
    """Passes of fresh probes over their training set."""
    batch: Capacity = 128
    """Beliefs per step of fresh probes."""
    learning_rate: Positive = 1e-3
    """Adam's initial learning rate for fresh probes; it falls to 0 along a cosine."""
    map_convdraw: bool = False
    """Also train a ConvDRAW of the map given the belief, of convdraw's sizes: its samples differ where the belief is
    unsure."""
    map_kappa: Positive = 1e-3
    """κ of the map's ConvDRAW, the squared error per dimension of the map to reach."""
    map_times: Capacity = 2
    """Times, sampled for each trajectory, at which the map's ConvDRAW is trained."""
    map_weight: Positive = 1000.0
    """Weight of the squared error of the map, or of any picture, beside the other probes' losses, where --supervised
    trains the belief by it."""

    def __post_init__(self) -> None:
        require_fields("probes.", self)
        named = [text.partition("=")[0] for text in self.heads]
        for text, target in zip(self.heads, named, strict=True):
            require(
                target.isidentifier() and text.partition("=")[2] != "",
                f"probes.heads holds {text!r}; it must be written target=module:Name",
            )
            require(named.count(target) == 1, f"probes.heads gives {target} more than one head")

    @property
    def head_of(self) -> dict[str, str]:
        """The `heads` by the names of their targets."""
        return {target: head for target, _, head in (text.partition("=") for text in self.heads)}
