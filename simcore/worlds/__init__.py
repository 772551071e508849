"""Worlds: SimCore's voxel worlds, and any Gymnasium environment.

```python
worlds = make_vector("RandomCity", num_envs=16)
frames, info = worlds.reset(seed=0)
walker = Walker(worlds, seed=0)
frames, rewards, terminated, truncated, info = worlds.step(walker.act())
```

Importing this package registers each level with Gymnasium as `simcore/<level>-v0`; the compiler and the levels are
imported on first use.
"""

from typing import TYPE_CHECKING

from simcore.common.lazy import lazily
from simcore.worlds.registration import register_levels

if TYPE_CHECKING:
    from simcore.worlds.api import WorldConfig, Worlds
    from simcore.worlds.voxel.env import WorldVectorEnv, make_vector
    from simcore.worlds.voxel.grid import KINDS, World
    from simcore.worlds.voxel.levels import (
        LEVELS,
        Action,
        BridgeConfig,
        CliffConfig,
        CliffHardConfig,
        FoodConfig,
        HighFoodConfig,
        HighFoodHardConfig,
        Level,
        LevelConfig,
        RandomCityConfig,
        TerrainConfig,
        TowerConfig,
    )
    from simcore.worlds.voxel.single import WorldEnv
    from simcore.worlds.voxel.walker import Walker

_LEVELS = "simcore.worlds.voxel.levels"
_MODULES = {
    "KINDS": "simcore.worlds.voxel.grid",
    "LEVELS": _LEVELS,
    "Action": _LEVELS,
    "BridgeConfig": _LEVELS,
    "CliffConfig": _LEVELS,
    "CliffHardConfig": _LEVELS,
    "FoodConfig": _LEVELS,
    "HighFoodConfig": _LEVELS,
    "HighFoodHardConfig": _LEVELS,
    "Level": _LEVELS,
    "LevelConfig": _LEVELS,
    "RandomCityConfig": _LEVELS,
    "TerrainConfig": _LEVELS,
    "TowerConfig": _LEVELS,
    "Walker": "simcore.worlds.voxel.walker",
    "World": "simcore.worlds.voxel.grid",
    "WorldConfig": "simcore.worlds.api",
    "WorldEnv": "simcore.worlds.voxel.single",
    "WorldVectorEnv": "simcore.worlds.voxel.env",
    "Worlds": "simcore.worlds.api",
    "make_vector": "simcore.worlds.voxel.env",
}
if not TYPE_CHECKING:  # for which any name would exist
    __getattr__, __dir__ = lazily(__name__, _MODULES)
register_levels()

__all__ = [
    "KINDS",
    "LEVELS",
    "Action",
    "BridgeConfig",
    "CliffConfig",
    "CliffHardConfig",
    "FoodConfig",
    "HighFoodConfig",
    "HighFoodHardConfig",
    "Level",
    "LevelConfig",
    "RandomCityConfig",
    "TerrainConfig",
    "TowerConfig",
    "Walker",
    "World",
    "WorldConfig",
    "WorldEnv",
    "WorldVectorEnv",
    "Worlds",
    "make_vector",
]
