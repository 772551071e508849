"""The module that holds all the nets of a run."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from simcore.agent import Agent
from simcore.objectives.base import Objective
from simcore.probes import MapModel, Probes
from simcore.simulation import SimCoreHead
from simcore.worlds.api import ProbeTarget


@dataclass(frozen=True)
class WorldSizes:
    """The sizes of the worlds that the nets depend on."""

    frame_size: int
    """Height and width of the frames, in pixels."""
    num_actions: int
    """Discrete actions."""
    targets: tuple[ProbeTarget, ...]
    """What the worlds tell for probes to read."""
    episode_metrics: tuple[str, ...]
    """What they tell of an episode."""


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
