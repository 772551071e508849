"""The configuration of the probes; apart from the nets, so that importing it does not import PyTorch."""

from dataclasses import dataclass

from simcore.common.checks import require, require_positive


@dataclass(frozen=True)
class ProbesConfig:
    """Small nets that read the world's targets from the belief, such as map, cell and heading (App. I).

    Online probes, trained along with the belief, give the curves (learning.probe_times, learning.probe_learning_rate).
    Reports and figures use fresh ones, trained to the end on the frozen belief.
    """

    hidden_size: int = 512
    """Units of each hidden layer."""
    layers: int = 2
    """Hidden layers of each net; 0: linear."""
    channels: int = 32
    """Features per cell of the map, from which its colour is read."""
    heads: tuple[str, ...] = ()
    """Nets of your own in place of those for a target's kind, as target=module:Name, such as map=my_module:MyHead."""
    worlds: int = 12288
    """Worlds in which fresh probes are trained, one episode each."""
    validation_worlds: int = 256
    """Separate worlds, on which the best step of their training is chosen."""
    times: int = 10
    """Times, sampled for each of these episodes, at which fresh probes read the belief."""
    epochs: int = 3
    """Passes of fresh probes over their training set."""
    batch: int = 128
    """Beliefs per step of fresh probes."""
    learning_rate: float = 1e-3
    """Adam's initial learning rate for fresh probes; it falls to 0 along a cosine."""
    map_convdraw: bool = False
    """Also train a ConvDRAW of the map given the belief, of convdraw's sizes: its samples differ where it is unsure."""
    map_kappa: float = 1e-3
    """κ of the map's ConvDRAW, the squared error per dimension of the map to reach."""
    map_times: int = 2
    """Times, sampled for each trajectory, at which the map's ConvDRAW is trained."""
    map_weight: float = 1000.0
    """Weight of the squared error of the map, or of any picture, beside the other probes' losses, where --supervised
    trains the belief by it."""

    def __post_init__(self) -> None:
        positive = ("hidden_size", "channels", "worlds", "validation_worlds", "times", "epochs", "batch")
        require_positive("probes", self, *positive, "learning_rate", "map_kappa", "map_times", "map_weight")
        require(self.layers >= 0, f"probes.layers must be 0 or more, not {self.layers}")
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
