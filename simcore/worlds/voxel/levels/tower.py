"""Tower: food on a platform that stands free, high above the floor; build a tower beside it and climb over."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.checks import require_valid, require_valid_fields
from simcore.worlds.voxel.grid import AIR, FIRST_BUILDING, FOOD, GROUND, LAST_BUILDING, World
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.levels.actions import BUILDING
from simcore.worlds.voxel.levels.base import Level, register_level
from simcore.worlds.voxel.levels.building import BuildingConfig, build, strew_blocks
from simcore.worlds.voxel.levels.room import (
    FLOOR,
    WALL_HEIGHT,
    enclose,
    pick_open,
    put_box,
    raise_landmarks,
)
from simcore.worlds.voxel.rng import open_rng, random_between
from simcore.worlds.voxel.rules import JUMP_REACH

HIGHEST_RISE = 16
SIDE = 3  # of the platform, in cells
SMALLEST = SIDE + 6  # size of a room with a lane for the tower and a way around it


@dataclass(frozen=True, kw_only=True)
class TowerConfig(BuildingConfig):
    """The arguments of Tower.

    Raises:
        ValueError: an argument is out of its limits; the message says which, and what is allowed.
    """

    rise: int = 5
    """Height of the platform's top above the floor, in blocks."""

    def __post_init__(self) -> None:
        require_valid_fields(self)
        require_valid(3 <= self.rise <= HIGHEST_RISE, f"rise is {self.rise}; allowed are 3 to {HIGHEST_RISE} blocks")
        require_valid(self.size >= SMALLEST, f"size is {self.size}; a platform needs {SMALLEST} to 255 cells")
        super().__post_init__()

    @property
    def most_food(self) -> int:
        """The most pieces of food there is room for: one for each cell of the platform."""
        return SIDE * SIDE

    @property
    def height(self) -> int:
        """Height of the grid in cells: the platform, and room to stand and jump on it."""
        return FLOOR + max(WALL_HEIGHT, self.rise + JUMP_REACH)

    @property
    def fewest_blocks(self) -> int:
        """Blocks for a tower from whose top an agent can jump on the platform."""
        return self.rise - 1


@kernel
def furnish(
    seed: np.uint64, blocks: NDArray[np.uint8], amount: int, landmarks: int, loose: int, rise: int, turns: int
) -> tuple[int, int, int]:
    """Furnish `blocks` (`uint8 [N, N, Z]`, all air); return the start: its cell (x, y) and heading."""
    last = blocks.shape[0] - 2
    rng = open_rng(seed)
    enclose(blocks, FLOOR, WALL_HEIGHT)
    # A lane of one cell at least is left on every side of the platform, and nothing stands in it.
    left, front = random_between(rng, 2, last - SIDE), random_between(rng, 2, last - SIDE)
    top = FLOOR + rise
    kind = random_between(rng, FIRST_BUILDING, LAST_BUILDING)
    put_box(blocks, left, front, SIDE, SIDE, top - 1, top, kind)
    put_box(blocks, left + SIDE // 2, front + SIDE // 2, 1, 1, FLOOR, top - 1, kind)
    while amount > 0:
        x, y = left + random_between(rng, 0, SIDE - 1), front + random_between(rng, 0, SIDE - 1)
        if blocks[x, y, top] == AIR:
            blocks[x, y, top] = FOOD
            amount -= 1
    raise_landmarks(rng, blocks, FLOOR, landmarks)
    strew_blocks(rng, blocks, FLOOR, 1, last, loose)
    x, y = pick_open(rng, blocks, GROUND, FLOOR, 1, last)
    return x, y, random_between(rng, 0, turns - 1)


def generate(config: TowerConfig, episode_seed: int) -> World:
    """Build the room of one episode."""
    return build(config, episode_seed, furnish, FLOOR, config.rise)


TOWER = register_level(Level("Tower", TowerConfig, BUILDING, generate))
