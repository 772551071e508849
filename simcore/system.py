"""The module that holds all the nets of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from simcore.agent import Agent
from simcore.objectives.base import Objective
from simcore.probes import MapModel, Probes
from simcore.simulation import SimCoreHead
from simcore.worlds.api import ProbeTarget

SIZES = {
    "agent.hidden_size": ("agent.core.lstm.weight_hh_l0", 1),
    "agent.embedding_size": ("agent.encoder.linear.weight", 0),
    "the number of the level's actions": ("agent.heads.policy.weight", 0),
    "world.size": ("probes.map.mean", 1),
    "probes.hidden_size": ("probes.cell.0.weight", 0),
}
"""Fields of the configuration that can be read off the weights: the name of a weight, and its dimension."""
PARTS = {
    "agent.core.memory": "core",
    "agent.heads": "policy",
    "agent.encoder": "agent.encoder_channels, or world.frame_size",
    "simulation.frame_model": "frame_model",
    "simulation": "frame_model",
    "probes": "learning.probe_times, or what the level tells",
    "map_model": "probes.map_convdraw",
    "objectives": "objectives",
}
"""Fields of the configuration that make parts of the nets, by the beginning of their weights' names."""


@dataclass(frozen=True)
class WorldSizes:
    """The sizes of the worlds that the nets depend on."""

    frame_size: int
    """Height and width of the frames, in pixels."""
    num_actions: int
    """Discrete actions."""
    targets: tuple[ProbeTarget, ...]
    """What the worlds provide for probes to read."""
    episode_metrics: tuple[str, ...]
    """What they report of an episode."""


class SimCore(nn.Module):
    """Agent, simulation with its frame model, probes, map model, a user's objectives; all but the agent optional."""

    def __init__(
        self,
        agent: Agent,
        simulation: SimCoreHead | None = None,
        probes: Probes | None = None,
        map_model: MapModel | None = None,
        objectives: Mapping[str, Objective] | None = None,
    ) -> None:
        super().__init__()
        self.agent = agent
        self.simulation = simulation
        self.probes = probes
        self.map_model = map_model
        # Only a user's: they may have weights of their own.
        self.objectives = nn.ModuleDict(objectives)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load weights, as `nn.Module` does.

        Raises:
            ValueError: they are of other nets; the message names a field in which the configurations differ.
        """
        try:
            return super().load_state_dict(state_dict, strict, assign)
        except RuntimeError as error:
            raise ValueError(misfit(self.state_dict(), state_dict)) from error


def misfit(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Return in which field the configurations of two state dicts differ, as far as the weights show it."""
    for part, field in PARTS.items():
        has, gives = (any(name.startswith(f"{part}.") for name in weights) for weights in (own, given))
        if has != gives:
            return f"it has {'no' if has else 'a'} {part}, unlike the configuration: see {field}"
    for field, (name, dimension) in SIZES.items():
        if name in own and name in given and own[name].shape[dimension] != given[name].shape[dimension]:
            return f"{field} is {given[name].shape[dimension]} in it, and {own[name].shape[dimension]} as configured"
    for name in [*own, *given]:
        mine, other = (list(weights[name].shape) if name in weights else None for weights in (own, given))
        if mine != other:
            see = next((field for part, field in PARTS.items() if name.startswith(f"{part}.")), "the configuration")
            return f"its weight {name} is {other}, not {mine}; see {see}"
    return "its weights are of another kind"
