"""The levels by name. A new one is a small file with a registered `Level`, imported here, or a module of your own."""

from simcore.worlds.api import WorldConfig
from simcore.worlds.voxel.levels.base import Action, Level, LevelConfig, levels, register_level
from simcore.worlds.voxel.levels.bridge import BRIDGE, BridgeConfig
from simcore.worlds.voxel.levels.building import BuildingConfig
from simcore.worlds.voxel.levels.cliff import CLIFF_HARD, CLIFF_LEVEL, CliffConfig, CliffHardConfig
from simcore.worlds.voxel.levels.food import FOOD_LEVEL, FoodConfig
from simcore.worlds.voxel.levels.high_food import HIGH_FOOD, HIGH_FOOD_HARD, HighFoodConfig, HighFoodHardConfig
from simcore.worlds.voxel.levels.random_city import RANDOM_CITY, RandomCityConfig
from simcore.worlds.voxel.levels.room import RoomConfig
from simcore.worlds.voxel.levels.terrain import TERRAIN, TerrainConfig
from simcore.worlds.voxel.levels.tower import TOWER, TowerConfig

LEVELS: dict[str, Level] = {
    level.name: level
    for level in (
        RANDOM_CITY,
        TERRAIN,
        FOOD_LEVEL,
        HIGH_FOOD,
        BRIDGE,
        CLIFF_LEVEL,
        CLIFF_HARD,
        HIGH_FOOD_HARD,
        TOWER,
    )
}
"""SimCore's own levels."""


def find_level(name: str) -> Level:
    """Return the level of that name, or one of a user's own, `module:NAME`.

    Raises:
        ValueError: there is none; the message lists those there are.
        UserError: the module cannot be imported, or has no such level.
    """
    if name not in levels and ":" not in name:
        raise ValueError(f"unknown level {name!r}; known are: {', '.join(sorted(levels))}")
    return levels.find(name)


__all__ = [
    "LEVELS",
    "Action",
    "BridgeConfig",
    "BuildingConfig",
    "CliffConfig",
    "CliffHardConfig",
    "FoodConfig",
    "HighFoodConfig",
    "HighFoodHardConfig",
    "Level",
    "LevelConfig",
    "RandomCityConfig",
    "RoomConfig",
    "TerrainConfig",
    "TowerConfig",
    "WorldConfig",
    "find_level",
    "levels",
    "register_level",
]
