"""Cliff and CliffHard: food on a cliff too high to jump on; build a stair. The start is below."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.checks import require_valid, require_valid_fields
from simcore.worlds.voxel.grid import CLIFF, GROUND, World
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
    put_box,
    raise_landmarks,
)
from simcore.worlds.voxel.rng import open_rng, random_between

HIGHEST_RISE = 16


@dataclass(frozen=True, kw_only=True)
class CliffConfig(BuildingConfig):
    """The arguments of Cliff.

    Raises:
        ValueError: an argument is out of its limits; the message says which, and what is allowed.
    """

    rise: int = 3
    """Height of the cliff in blocks."""

    def __post_init__(self) -> None:
        require_valid_fields(self)
        require_valid(2 <= self.rise <= HIGHEST_RISE, f"rise is {self.rise}; allowed are 2 to {HIGHEST_RISE} blocks")
        require_valid(
            self.size >= self.rise + 4, f"size is {self.size}; a rise of {self.rise} needs {self.rise + 4} cells"
        )
        super().__post_init__()
        require_valid(
            self.loose == 0 or self.rise >= 3, f"loose is {self.loose}; with a rise of 2, each would be a step"
        )

    @property
    def depths(self) -> tuple[int, int]:
        """Fewest and most rows of the cliff, which leave room for a stair below it."""
        deepest = min((self.size - 2) // 2, self.size - 2 - self.rise)
        return max(1, deepest // 2), deepest

    @property
    def most_food(self) -> int:
        """The most pieces of food there is surely room for."""
        return (self.size - 2) * self.depths[0]

    @property
    def height(self) -> int:
        """Height of the grid in cells: the walls, which are as high above the cliff as above the floor elsewhere."""
        return FLOOR + self.rise + WALL_HEIGHT

    @property
    def fewest_blocks(self) -> int:
        """Blocks for a tower beside the cliff."""
        return self.rise - 1

    @property
    def usual_blocks(self) -> int:
        """Blocks for a straight stair, each of its steps filled to the floor."""
        return self.rise * (self.rise - 1) // 2


@dataclass(frozen=True, kw_only=True)
class CliffHardConfig(CliffConfig):
    """The arguments of CliffHard: those of Cliff, with a higher cliff, for a longer stair."""

    rise: int = 5
    """Height of the cliff in blocks."""


@kernel
def furnish(
    seed: np.uint64,
    blocks: NDArray[np.uint8],
    amount: int,
    landmarks: int,
    loose: int,
    rise: int,
    shallowest: int,
    deepest: int,
    turns: int,
) -> tuple[int, int, int, int]:
    """Furnish `blocks` (`uint8 [N, N, Z]`, all air), the cliff along the row y = 1.

    Returns the start, its cell (x, y) and heading, and the quarter turns to apply to the grid.
    """
    size = blocks.shape[0]
    rng = open_rng(seed)
    enclose(blocks, FLOOR, rise + WALL_HEIGHT)
    depth = random_between(rng, shallowest, deepest)
    for x in range(1, size - 1):
        put_box(blocks, x, 1, 1, depth, FLOOR, FLOOR + rise, CLIFF)
        if random_between(rng, 0, 1) == 0:  # the edge winds
            depth = min(max(depth + random_between(rng, -1, 1), shallowest), deepest)
    raise_landmarks(rng, blocks, FLOOR, landmarks)
    lay_food(rng, blocks, CLIFF, FLOOR + rise, 1, deepest, 0, amount)
    strew_blocks(rng, blocks, FLOOR, shallowest + 1, size - 2, loose)
    x, y = pick_open(rng, blocks, GROUND, FLOOR, shallowest + 1, size - 2)
    return x, y, random_between(rng, 0, turns - 1), random_between(rng, 0, 3)


def generate(config: CliffConfig, episode_seed: int) -> World:
    """Build the room of one episode."""
    return build(config, episode_seed, furnish, FLOOR, config.rise, *config.depths)


CLIFF_LEVEL = register_level(Level("Cliff", CliffConfig, BUILDING, generate))
CLIFF_HARD = register_level(Level("CliffHard", CliffHardConfig, BUILDING, generate))
