"""Sessions of small nets for tests."""

from typing import Any

import torch

from simcore import BeliefSession
from simcore.build import make_system
from simcore.config.run import Config
from simcore.system import SimCore


def make(config: Config) -> SimCore:
    torch.manual_seed(0)
    return make_system(config).eval().requires_grad_(False)


def make_session(config: Config, batch: int | None = None, **changes: Any) -> BeliefSession:
    system = make(config)
    return BeliefSession(system.agent, system.simulation, system.probes, system.map_model, batch=batch, **changes)
