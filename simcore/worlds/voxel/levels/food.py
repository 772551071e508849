"""Food: food on the floor of a room, to be found and walked to; the easiest of the levels with reward."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.voxel.grid import GROUND, World
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.levels.actions import WALKING
from simcore.worlds.voxel.levels.base import Level, register_level
from simcore.worlds.voxel.levels.room import (
    FLOOR,
    WALL_HEIGHT,
    RoomConfig,
    enclose,
    lay_food,
    pick_open,
    raise_landmarks,
)
from simcore.worlds.voxel.rng import open_rng, random_between


@dataclass(frozen=True, kw_only=True)
class FoodConfig(RoomConfig):
    """The arguments of Food.

    Raises:
        ValueError: an argument is out of its limits; the message says which, and what is allowed.
    """


@kernel
def furnish(
    seed: np.uint64, blocks: NDArray[np.uint8], amount: int, landmarks: int, turns: int
) -> tuple[int, int, int]:
    """Furnish `blocks` (`uint8 [N, N, Z]`, all air); return the start: its cell (x, y) and heading."""
    last = blocks.shape[0] - 2
    rng = open_rng(seed)
    enclose(blocks, FLOOR, WALL_HEIGHT)
    raise_landmarks(rng, blocks, FLOOR, landmarks)
    lay_food(rng, blocks, GROUND, FLOOR, 1, last, 0, amount)
    x, y = pick_open(rng, blocks, GROUND, FLOOR, 1, last)
    return x, y, random_between(rng, 0, turns - 1)


def generate(config: FoodConfig, episode_seed: int) -> World:
    """Build the room of one episode: a pure function of the arguments and the 64-bit seed."""
    blocks = np.zeros((config.size, config.size, config.height), np.uint8)
    x, y, heading = furnish(np.uint64(episode_seed), blocks, config.amount, config.landmarks, config.turns)
    return World(blocks, spawn=(x + 0.5, y + 0.5, FLOOR), heading=heading)


FOOD_LEVEL = register_level(Level("Food", FoodConfig, WALKING, generate))
