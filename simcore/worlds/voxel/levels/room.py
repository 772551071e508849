"""The walled room that Food and the building levels are set in: its arguments, and kernels that furnish it.

The kernels take the height `floor` at which one stands; below it lies ground. Landmarks, single columns of
random colours, tell one place from another. They are too high to climb, and stand so far from each other and
from the walls that one can always walk around them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.checks import require_valid
from simcore.worlds.voxel.grid import AIR, FIRST_BUILDING, FOOD, GROUND, LAST_BUILDING, WALL
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.levels.base import LevelConfig
from simcore.worlds.voxel.rng import random_between

FLOOR = 1  # the height of a floor that lies on the bottom of the grid
WALL_HEIGHT = 3
LANDMARK_HEIGHT = 3  # cells, out of reach of a jump
LANDMARK_ATTEMPTS = 12  # places tried for a landmark before it is given up
MOST_LANDMARKS = 255**2  # one for each cell of the largest room


@dataclass(frozen=True, kw_only=True)
class RoomConfig(LevelConfig):
    """The arguments that all rooms share.

    Raises:
        ValueError: an argument is out of its limits; the message says which, and what is allowed.
    """

    size: int = 16
    """Side of the square grid in cells, walls included."""
    episode_length: int = 300
    """Steps after which an episode is truncated."""
    amount: int = 5
    """Pieces of food; +1 for each, and the last ends the episode."""
    landmarks: int = 4
    """Coloured columns to know places by; fewer where there is no room for them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_valid(self.size >= 7, f"size is {self.size}; a room needs 7 to 255 cells")
        require_valid(
            1 <= self.amount <= self.most_food,
            f"amount is {self.amount}; allowed are 1 to {self.most_food} pieces of food here",
        )
        require_valid(
            0 <= self.landmarks <= MOST_LANDMARKS,
            f"landmarks is {self.landmarks}; allowed are 0 to {MOST_LANDMARKS} here",
        )

    @property
    def most_food(self) -> int:
        """The most pieces of food there is room for: one for every fourth cell of the floor."""
        return (self.size - 2) ** 2 // 4

    @property
    def height(self) -> int:
        """Height of the grid in cells: the floor, and the higher of walls and landmarks."""
        return FLOOR + max(WALL_HEIGHT, LANDMARK_HEIGHT)


@kernel
def put_box(
    blocks: NDArray[np.uint8], x: int, y: int, width: int, depth: int, bottom: int, top: int, kind: int
) -> None:
    """Fill the box from corner (x, y, bottom) up to the height `top` with `kind`."""
    for at_x in range(x, x + width):
        for at_y in range(y, y + depth):
            for at_z in range(bottom, top):
                blocks[at_x, at_y, at_z] = kind


@kernel
def enclose(blocks: NDArray[np.uint8], floor: int, wall_height: int) -> None:
    """Lay the floor of a room and raise its walls above it in `blocks` (`uint8 [N, N, Z]`, all air)."""
    size = blocks.shape[0]
    put_box(blocks, 0, 0, size, size, 0, floor + wall_height, WALL)
    put_box(blocks, 1, 1, size - 2, size - 2, 0, floor, GROUND)
    put_box(blocks, 1, 1, size - 2, size - 2, floor, floor + wall_height, AIR)


@kernel
def is_apart(blocks: NDArray[np.uint8], floor: int, x: int, y: int) -> bool:
    """Tell whether there is floor, and nothing above it, at the cell (x, y) and the eight around it."""
    for near_x in range(x - 1, x + 2):
        for near_y in range(y - 1, y + 2):
            if blocks[near_x, near_y, floor - 1] != GROUND or blocks[near_x, near_y, floor:].any():
                return False
    return True


@kernel
def raise_landmarks(rng: NDArray[np.uint64], blocks: NDArray[np.uint8], floor: int, count: int) -> None:
    """Raise up to `count` landmarks, each where `is_apart`, so that they never divide the floor."""
    size = blocks.shape[0]
    for _ in range(count):
        for _ in range(LANDMARK_ATTEMPTS):
            x, y = random_between(rng, 2, size - 3), random_between(rng, 2, size - 3)
            if is_apart(blocks, floor, x, y):
                kind = random_between(rng, FIRST_BUILDING, LAST_BUILDING)
                put_box(blocks, x, y, 1, 1, floor, floor + LANDMARK_HEIGHT, kind)
                break


@kernel
def pick_open(
    rng: NDArray[np.uint64], blocks: NDArray[np.uint8], kind: int, floor: int, y_first: int, y_last: int
) -> tuple[int, int]:
    """Pick a cell (x, y) within the walls and the rows `y_first .. y_last`, uniformly from those that are open.

    A cell is open if it has floor of `kind` and nothing on it; there must be one.
    """
    while True:
        x, y = random_between(rng, 1, blocks.shape[0] - 2), random_between(rng, y_first, y_last)
        if blocks[x, y, floor - 1] == kind and blocks[x, y, floor] == AIR:
            return x, y


@kernel
def lay_food(
    rng: NDArray[np.uint64],
    blocks: NDArray[np.uint8],
    kind: int,
    floor: int,
    y_first: int,
    y_last: int,
    lift: int,
    amount: int,
) -> None:
    """Put `amount` pieces of food over open cells (see `pick_open`), `lift` cells above where one stands."""
    while amount > 0:
        x, y = pick_open(rng, blocks, kind, floor, y_first, y_last)
        if blocks[x, y, floor + lift] == AIR:
            blocks[x, y, floor + lift] = FOOD
            amount -= 1


def turn_quarters(blocks: NDArray[np.uint8], x: int, y: int, quarters: int) -> tuple[NDArray[np.uint8], int, int]:
    """Turn a grid `[N, N, Z]`, and a cell (x, y) in it, by quarter turns about its middle."""
    for _ in range(quarters):
        x, y = blocks.shape[0] - 1 - y, x
    return np.rot90(blocks, quarters), x, y
