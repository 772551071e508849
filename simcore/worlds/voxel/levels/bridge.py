"""Bridge: food across a river too wide to leap; build a bridge.

The water is a block below the banks, so a block laid on it is level with them. It is deadly: falling in
ends the episode.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.checks import require_valid
from simcore.worlds.voxel.grid import AIR, GROUND, WATER, World
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.levels.actions import BUILDING
from simcore.worlds.voxel.levels.base import Level, register_level
from simcore.worlds.voxel.levels.building import BuildingConfig, build, strew_blocks
from simcore.worlds.voxel.levels.room import (
    WALL_HEIGHT,
    enclose,
    lay_food,
    pick_open,
    put_box,
    raise_landmarks,
)
from simcore.worlds.voxel.rng import open_rng, random_between
from simcore.worlds.voxel.rules import widest_leap

BANK = 2  # the height at which one stands; the water fills the layer z = 0
NARROWEST_BANK = 2  # rows


@dataclass(frozen=True, kw_only=True)
class BridgeConfig(BuildingConfig):
    """The arguments of Bridge.

    Raises:
        ValueError: an argument is out of its limits; the message says which, and what is allowed.
    """

    gap: int = 3
    """Width of the river in cells."""

    def __post_init__(self) -> None:
        super().__post_init__()
        leap = widest_leap(self.speed, drop=min(self.loose, 1))  # a leap from a loose block is longer
        widest = self.size - 2 - 2 * NARROWEST_BANK
        require_valid(
            leap < self.gap <= widest,
            f"gap is {self.gap}; a leap here may cross {leap} cells, and the room holds {widest}: "
            f"allowed are {leap + 1} to {widest}",
        )

    @property
    def most_food(self) -> int:
        """The most pieces of food there is surely room for: half a bank of the least width."""
        return (self.size - 2) * NARROWEST_BANK // 2

    @property
    def height(self) -> int:
        """Height of the grid in cells, up to the top of the walls."""
        return BANK + WALL_HEIGHT

    @property
    def most_loose(self) -> int:
        """The same; half of the bank that they lie on, where it is narrowest."""
        return min(super().most_loose, (self.size - 2) * NARROWEST_BANK // 2)

    @property
    def fewest_blocks(self) -> int:
        """Blocks for a whole bridge, although its last cell could be leapt over."""
        return self.gap


@kernel
def furnish(
    seed: np.uint64, blocks: NDArray[np.uint8], amount: int, landmarks: int, loose: int, gap: int, turns: int
) -> tuple[int, int, int, int]:
    """Furnish `blocks` (`uint8 [N, N, Z]`, all air), the river along x and the food on the side of y = 1.

    Returns the start, its cell (x, y) and heading, and the quarter turns to apply to the grid.
    """
    size = blocks.shape[0]
    last = size - 2
    rng = open_rng(seed)
    enclose(blocks, BANK, WALL_HEIGHT)
    river = random_between(rng, 1 + NARROWEST_BANK, last - NARROWEST_BANK - gap + 1)  # its first row
    put_box(blocks, 1, river, last, gap, 0, 1, WATER)
    put_box(blocks, 1, river, last, gap, 1, BANK, AIR)
    raise_landmarks(rng, blocks, BANK, landmarks)
    lay_food(rng, blocks, GROUND, BANK, 1, river - 1, 0, amount)
    strew_blocks(rng, blocks, BANK, river + gap, last, loose)
    x, y = pick_open(rng, blocks, GROUND, BANK, river + gap, last)
    return x, y, random_between(rng, 0, turns - 1), random_between(rng, 0, 3)


def generate(config: BridgeConfig, episode_seed: int) -> World:
    """Build the room of one episode."""
    return build(config, episode_seed, furnish, BANK, config.gap)


BRIDGE = register_level(Level("Bridge", BridgeConfig, BUILDING, generate))
