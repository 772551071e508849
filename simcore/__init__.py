"""SimCore: belief states shaped by generative models of the environment (Gregor et al., 2019), in PyTorch.

```python
import simcore

run = simcore.load("random-city")  # a shipped trained run; or the path of one of yours
env = run.make_env()
session = run.session()
belief = session.observe(*env.reset(seed=0))
print(belief.map, belief.cell, belief.heading, session.imagine([0, 0, 0], samples=8))
```

- Runs: `load` (a `LoadedRun`), `train`, `probe`, `compare`, `evaluate`, `roll_out`, `export`; `preset` and `Config`.
- A belief step by step: `run.session()`, a `BeliefSession`, whose `observe` returns a `Belief`.
- Worlds: `make_worlds`, or Gymnasium's ids; `RandomCity`, `Food` and so on are the levels' configurations.
- Parts: `Agent`, `SimCoreHead`, `ConvDRAW`, `GECO`, `KanervaMemory`, `SlotMemory`, `vtrace`.
- To derive your own from: `simcore.frame_models.FrameModel`, `simcore.memory.Memory`, `simcore.objectives.Objective`,
  and others (docs/extending.md).

Importing it registers the levels with Gymnasium, as `simcore/RandomCity-v0`; PyTorch, the compiler of the worlds and
whatever else a name needs are imported when that name is first used.
"""

from typing import TYPE_CHECKING

from simcore.common.lazy import lazily
from simcore.worlds.registration import register_levels

if TYPE_CHECKING:
    from simcore import frame_models as frame_models
    from simcore import memory as memory
    from simcore import objectives as objectives
    from simcore import probes as probes
    from simcore import testing as testing
    from simcore import worlds as worlds
    from simcore.agent import Agent
    from simcore.analysis.exporting import export
    from simcore.analysis.loaded_run import LoadedRun
    from simcore.analysis.loading import load
    from simcore.api import compare, evaluate, probe, roll_out, train
    from simcore.belief import Belief
    from simcore.common.errors import UserError
    from simcore.common.version import __version__
    from simcore.config.presets import preset
    from simcore.config.run import Config
    from simcore.frame_models.convdraw import ConvDRAW, ConvDRAWConfig
    from simcore.frame_models.geco import GECO, GECOConfig
    from simcore.memory import KanervaMemory, SlotMemory
    from simcore.objectives.vtrace import vtrace
    from simcore.session import BeliefSession
    from simcore.simulation import SimCoreHead
    from simcore.worlds import BridgeConfig as Bridge
    from simcore.worlds import CliffConfig as Cliff
    from simcore.worlds import CliffHardConfig as CliffHard
    from simcore.worlds import FoodConfig as Food
    from simcore.worlds import HighFoodConfig as HighFood
    from simcore.worlds import HighFoodHardConfig as HighFoodHard
    from simcore.worlds import RandomCityConfig as RandomCity
    from simcore.worlds import TerrainConfig as Terrain
    from simcore.worlds import TowerConfig as Tower
    from simcore.worlds.making import make_worlds

_API = "simcore.api"
_MODULES = {
    "GECO": "simcore.frame_models.geco",
    "GECOConfig": "simcore.frame_models.geco",
    "Agent": "simcore.agent",
    "Belief": "simcore.belief",
    "BeliefSession": "simcore.session",
    "Bridge": "simcore.worlds:BridgeConfig",
    "Cliff": "simcore.worlds:CliffConfig",
    "CliffHard": "simcore.worlds:CliffHardConfig",
    "Config": "simcore.config.run",
    "ConvDRAW": "simcore.frame_models.convdraw",
    "ConvDRAWConfig": "simcore.frame_models.convdraw",
    "Food": "simcore.worlds:FoodConfig",
    "HighFood": "simcore.worlds:HighFoodConfig",
    "HighFoodHard": "simcore.worlds:HighFoodHardConfig",
    "KanervaMemory": "simcore.memory",
    "LoadedRun": "simcore.analysis.loaded_run",
    "RandomCity": "simcore.worlds:RandomCityConfig",
    "SimCoreHead": "simcore.simulation",
    "SlotMemory": "simcore.memory",
    "Terrain": "simcore.worlds:TerrainConfig",
    "Tower": "simcore.worlds:TowerConfig",
    "UserError": "simcore.common.errors",
    "__version__": "simcore.common.version",
    "compare": _API,
    "evaluate": _API,
    "export": "simcore.analysis.exporting",
    "load": "simcore.analysis.loading",
    "make_worlds": "simcore.worlds.making",
    "preset": "simcore.config.presets",
    "probe": _API,
    "roll_out": _API,
    "train": _API,
    "vtrace": "simcore.objectives.vtrace",
}
if not TYPE_CHECKING:  # for which any name would exist
    __getattr__, __dir__ = lazily(__name__, _MODULES)
register_levels()

__all__ = [
    "GECO",
    "Agent",
    "Belief",
    "BeliefSession",
    "Bridge",
    "Cliff",
    "CliffHard",
    "Config",
    "ConvDRAW",
    "ConvDRAWConfig",
    "Food",
    "GECOConfig",
    "HighFood",
    "HighFoodHard",
    "KanervaMemory",
    "LoadedRun",
    "RandomCity",
    "SimCoreHead",
    "SlotMemory",
    "Terrain",
    "Tower",
    "UserError",
    "__version__",
    "compare",
    "evaluate",
    "export",
    "load",
    "make_worlds",
    "preset",
    "probe",
    "roll_out",
    "train",
    "vtrace",
]
