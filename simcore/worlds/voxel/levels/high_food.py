"""HighFood and HighFoodHard: food that hangs above reach; place blocks under it, climb them and jump."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.checks import require_valid
from simcore.worlds.voxel.grid import GROUND, World
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.levels.actions import BUILDING
from simcore.worlds.voxel.levels.base import Level, register_level
from simcore.worlds.voxel.levels.building import BuildingConfig, build, strew_blocks
from simcore.worlds.voxel.levels.room import (
    FLOOR,
    WALL_HEIGHT,
    enclose,
    lay_food,
    pick_open,
    raise_landmarks,
)
from simcore.worlds.voxel.rng import open_rng, random_between
from simcore.worlds.voxel.rules import JUMP_REACH

HIGHEST_LIFT = 16


@dataclass(frozen=True, kw_only=True)
class HighFoodConfig(BuildingConfig):
    """The arguments of HighFood.

    Raises:
        ValueError: an argument is out of its limits; the message says which, and what is allowed.
    """

    lift: int = 1
    """How high an agent must stand above the floor to touch food in a jump, in blocks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_valid(1 <= self.lift <= HIGHEST_LIFT, f"lift is {self.lift}; allowed are 1 to {HIGHEST_LIFT} blocks")
        require_valid(
            self.loose == 0 or self.lift >= 2, f"loose is {self.loose}; with a lift of 1, each would be a step"
        )

    @property
    def height(self) -> int:
        """Height of the grid in cells: the food, and room to stand and jump on a tower."""
        return FLOOR + max(WALL_HEIGHT, JUMP_REACH + self.lift)

    @property
    def fewest_blocks(self) -> int:
        """Blocks for one tower, which can be taken down and built again elsewhere."""
        return self.lift


@dataclass(frozen=True, kw_only=True)
class HighFoodHardConfig(HighFoodConfig):
    """The arguments of HighFoodHard: those of HighFood, with food that takes three blocks to reach."""

    lift: int = 3
    """How high an agent must stand above the floor to touch food in a jump, in blocks."""


@kernel
def furnish(
    seed: np.uint64, blocks: NDArray[np.uint8], amount: int, landmarks: int, loose: int, lift: int, turns: int
) -> tuple[int, int, int]:
    """Furnish `blocks` (`uint8 [N, N, Z]`, all air); return the start: its cell (x, y) and heading."""
    last = blocks.shape[0] - 2
    rng = open_rng(seed)
    enclose(blocks, FLOOR, WALL_HEIGHT)
    raise_landmarks(rng, blocks, FLOOR, landmarks)
    lay_food(rng, blocks, GROUND, FLOOR, 1, last, JUMP_REACH - 1 + lift, amount)
    strew_blocks(rng, blocks, FLOOR, 1, last, loose)
    x, y = pick_open(rng, blocks, GROUND, FLOOR, 1, last)
    return x, y, random_between(rng, 0, turns - 1)


def generate(config: HighFoodConfig, episode_seed: int) -> World:
    """Build the room of one episode."""
    return build(config, episode_seed, furnish, FLOOR, config.lift)


HIGH_FOOD = register_level(Level("HighFood", HighFoodConfig, BUILDING, generate))
HIGH_FOOD_HARD = register_level(Level("HighFoodHard", HighFoodHardConfig, BUILDING, generate))
