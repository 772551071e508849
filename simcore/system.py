"""All the nets of a run."""

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
    """What the nets must know of the worlds."""

    frame_size: int
    """Height and width of the frames, in pixels."""
    num_actions: int
    """Discrete actions."""
    targets: tuple[ProbeTarget, ...]
    """What the worlds tell for probes to read."""
    episode_metrics: tuple[str, ...]
    """What they tell of an episode."""


class SimCore(nn.Module):
    """Agent, simulation with its frame model, probes, and a user's own objectives; None where there is none."""

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
        # Of a user's own, since they may have weights.
        self.objectives = nn.ModuleDict(objectives)
