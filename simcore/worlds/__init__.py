"""Voxel worlds seen in the first person: fast on one core, exact to the bit, the true map beside each frame.

```python
worlds = make_vector("RandomCity", num_envs=16)
frames, info = worlds.reset(seed=0)
walker = Walker(worlds, seed=0)
frames, rewards, terminated, truncated, info = worlds.step(walker.act())
```

Importing this package registers each level with Gymnasium as `simcore/<level>-v0`.
"""

from typing import Any

import gymnasium

from simcore.worlds.env import WorldEnv, WorldVectorEnv
from simcore.worlds.grid import KINDS, World
from simcore.worlds.levels import (
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
    WorldConfig,
)
from simcore.worlds.walker import Walker


def make_vector(level: str, num_envs: int, **level_kwargs: Any) -> WorldVectorEnv:
    """Make `num_envs` environments of a level in one; see `WorldVectorEnv` for the arguments and errors."""
    return WorldVectorEnv(level, num_envs, **level_kwargs)


for _name in LEVELS:
    gymnasium.register(
        id=f"simcore/{_name}-v0",
        entry_point="simcore.worlds.env:WorldEnv",
        vector_entry_point="simcore.worlds.env:WorldVectorEnv",
        kwargs={"level": _name},
    )

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
    "make_vector",
]
