"""The levels by name. A new one is a small file with a `Level`, and a line here."""

from simcore.worlds.levels.base import Action, Level, LevelConfig
from simcore.worlds.levels.food import FOOD_LEVEL, FoodConfig
from simcore.worlds.levels.random_city import RANDOM_CITY, RandomCityConfig

LEVELS: dict[str, Level] = {level.name: level for level in (RANDOM_CITY, FOOD_LEVEL)}


def find_level(name: str) -> Level:
    """Return the level of that name.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    if name not in LEVELS:
        raise ValueError(f"unknown level {name!r}; known are: {', '.join(sorted(LEVELS))}")
    return LEVELS[name]


__all__ = ["LEVELS", "Action", "FoodConfig", "Level", "LevelConfig", "RandomCityConfig", "find_level"]
