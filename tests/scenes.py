"""Scenes of the live view, of runs with initial weights."""

from typing import Any

import torch

from simcore.analysis.fresh_probes import FreshProbes
from simcore.analysis.loaded_run import LoadedRun
from simcore.build import make_system
from simcore.config.run import Config
from simcore.viewer.scene import Scene
from tinier import changed, tinier


def untrained(config: Config) -> LoadedRun:
    """Return a run as it is loaded before its first update."""
    torch.manual_seed(config.seed)
    system = make_system(config).eval().requires_grad_(False)
    return LoadedRun(config, system, torch.device("cpu"), 0, FreshProbes(config, system, 0, None))


def scene_of(*configs: Config, seed: int = 0) -> Scene:
    """Return a scene of runs; none: one with an LSTM in the smallest city."""
    return Scene([untrained(config) for config in configs or [tinier()]], seed)


def longer(config: Config, steps: int = 1000, **changes: Any) -> Config:
    """Return a configuration whose episodes last so many steps."""
    return changed(config, world__episode_length=steps, **changes)
