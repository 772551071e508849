"""The base of the building levels: the blocks that an agent is given, in hand or lying about."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.checks import require_valid
from simcore.worlds.voxel.grid import BLOCK, GROUND, World
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.levels.room import RoomConfig, pick_open, turn_quarters

MOST_CARRIED = 10**6
"""The most blocks in hand at the start."""


@dataclass(frozen=True, kw_only=True)
class BuildingConfig(RoomConfig):
    """The arguments that all building levels share.

    Blocks in hand and blocks lying about must together be enough.

    Raises:
        ValueError: an argument is out of its limits; the message says which, and what is allowed.
    """

    amount: int = 3
    """Pieces of food; +1 for each, and the last ends the episode."""
    carried: int | None = None
    """Blocks in hand at the start; None gives what the level's name asks for, and two to spare."""
    loose: int = 0
    """Blocks that lie about, to be removed and placed elsewhere."""

    def __post_init__(self) -> None:
        super().__post_init__()
        most = self.most_loose
        require_valid(0 <= self.loose <= most, f"loose is {self.loose}; allowed are 0 to {most} blocks here")
        require_valid(
            self.carried is None or 0 <= self.carried <= MOST_CARRIED,
            f"carried is {self.carried}; allowed are 0 to {MOST_CARRIED} blocks",
        )
        require_valid(
            self.blocks_in_hand + self.loose >= self.fewest_blocks,
            f"carried is {self.carried} and loose is {self.loose}; "
            f"{self.fewest_blocks} blocks at least are needed to reach the food",
        )

    @property
    def most_loose(self) -> int:
        """The most blocks that may lie about, so that there is room for them wherever they are strewn."""
        return (self.size - 2) ** 2 // 16

    @property
    def blocks_in_hand(self) -> int:
        """Blocks in hand at the start, the default filled in."""
        return self.usual_blocks + 2 if self.carried is None else self.carried

    @property
    def fewest_blocks(self) -> int:
        """The number of blocks with which all food can surely be reached."""
        raise NotImplementedError

    @property
    def usual_blocks(self) -> int:
        """The number of blocks that the structure of the level's name takes."""
        return self.fewest_blocks

    def begin(self, blocks: NDArray[np.uint8], floor: int, x: int, y: int, heading: int, quarters: int = 0) -> World:
        """Return the world whose start is at the cell (x, y) of the grid, with the grid turned by `quarters`."""
        turned, x, y = turn_quarters(blocks, x, y, quarters)
        return World(turned, (x + 0.5, y + 0.5, floor), heading, {BLOCK: self.blocks_in_hand})


def build(
    config: BuildingConfig, episode_seed: int, furnish: Callable[..., tuple[int, ...]], floor: int, *own: int
) -> World:
    """Build the room of one episode: a pure function of the arguments and the 64-bit seed.

    Args:
        config: the level's arguments.
        episode_seed: of all random choices.
        furnish: the level's kernel `(seed, blocks, amount, landmarks, loose, *own, turns)`, which fills the grid of air
            and returns the start, and the quarter turns if there are any.
        floor: the height at which one stands.
        own: the level's own arguments.
    """
    blocks = np.zeros((config.size, config.size, config.height), np.uint8)
    shared = (config.amount, config.landmarks, config.loose)
    start = furnish(np.uint64(episode_seed), blocks, *shared, *own, config.turns)
    return config.begin(blocks, floor, *start)


@kernel
def strew_blocks(
    rng: NDArray[np.uint64], blocks: NDArray[np.uint8], floor: int, y_first: int, y_last: int, count: int
) -> None:
    """Lay `count` single blocks on open ground, see `pick_open`."""
    for _ in range(count):
        x, y = pick_open(rng, blocks, GROUND, floor, y_first, y_last)
        blocks[x, y, floor] = BLOCK
