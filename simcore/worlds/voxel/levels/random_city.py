"""Random City: coloured boxes on a walled plane, no reward; the agent starts in the middle, heading up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.checks import require_valid
from simcore.worlds.voxel.grid import AIR, FIRST_BUILDING, LAST_BUILDING, MAX_HEIGHT, World
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.levels.actions import WALKING
from simcore.worlds.voxel.levels.base import Level, LevelConfig, register_level
from simcore.worlds.voxel.levels.room import FLOOR, WALL_HEIGHT, enclose, put_box
from simcore.worlds.voxel.rng import open_rng, random_between

ATTEMPTS = 12  # places tried for a building before it is given up
LARGEST_SIDE = 3, 6  # of a building, in small and in large cities: a quarter of the size within these


@dataclass(frozen=True, kw_only=True)
class RandomCityConfig(LevelConfig):
    """The arguments of Random City.

    Raises:
        ValueError: an argument is out of its limits; the message says which, and what is allowed.
    """

    buildings: tuple[int, int] | None = None
    """Fewest and most buildings; None grows them with the area: (10, 23) for the default size."""
    heights: tuple[int, int] = (1, 4)
    """Lowest and highest building, in cells."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_valid(self.size >= 7, f"size is {self.size}; a city needs 7 to 255 cells")
        if self.buildings is not None:
            object.__setattr__(self, "buildings", _pair("buildings", self.buildings, 0, self.size**2))
        object.__setattr__(self, "heights", _pair("heights", self.heights, 1, MAX_HEIGHT - 1))

    @property
    def height(self) -> int:
        """Height of the grid in cells: the ground, and the higher of walls and buildings."""
        return 1 + max(WALL_HEIGHT, self.heights[1])

    @property
    def building_range(self) -> tuple[int, int]:
        """Fewest and most buildings, the default filled in."""
        if self.buildings is not None:
            return self.buildings
        area = (self.size - 2) ** 2
        return 2 + area // 60, 3 + area // 24


def _pair(name: str, value: tuple[int, int], lowest: int, highest: int) -> tuple[int, int]:
    pair = tuple(value)
    require_valid(
        len(pair) == 2 and lowest <= pair[0] <= pair[1] <= highest,
        f"{name} is {value}; it must be two numbers, {lowest} <= fewest <= most <= {highest}",
    )
    return int(pair[0]), int(pair[1])


@kernel
def count_reachable(blocks: NDArray[np.uint8], x: int, y: int) -> int:
    """Return how many open cells of the plane can be walked to from (x, y), through cells' sides."""
    size = blocks.shape[0]
    reached = np.zeros((size, size), np.bool_)
    stack = np.empty(size * size, np.int64)
    reached[x, y] = True
    stack[0] = x * size + y
    waiting, count = 1, 0
    while waiting > 0:
        waiting -= 1
        count += 1
        cell = stack[waiting]
        # The ring of walls keeps every neighbour inside the grid.
        for neighbour in (cell - size, cell + size, cell - 1, cell + 1):
            near_x, near_y = neighbour // size, neighbour % size
            if blocks[near_x, near_y, 1] == AIR and not reached[near_x, near_y]:
                reached[near_x, near_y] = True
                stack[waiting] = neighbour
                waiting += 1
    return count


@kernel
def is_vacant(blocks: NDArray[np.uint8], x: int, y: int, width: int, depth: int) -> bool:
    """Return whether a piece of the plane is empty."""
    for at_x in range(x, x + width):
        for at_y in range(y, y + depth):
            if blocks[at_x, at_y, 1] != AIR:
                return False
    return True


@kernel
def count_arcs(blocks: NDArray[np.uint8], x: int, y: int, width: int, depth: int) -> int:
    """Count the pieces into which the ring of cells around a box is cut by what stands on it.

    Where it is one piece (or none), the box cannot divide the plane, and no flood fill is needed.
    """
    length = 2 * (width + depth) + 4
    arcs = 0
    before = -1
    for step in range(length + 1):  # once around, and the first cell again
        at = step % length
        if at < width + 1:
            at_x, at_y = x - 1 + at, y - 1
        elif at < width + depth + 2:
            at_x, at_y = x + width, y - 1 + at - (width + 1)
        elif at < 2 * width + depth + 3:
            at_x, at_y = x + width - (at - (width + depth + 2)), y + depth
        else:
            at_x, at_y = x - 1, y + depth - (at - (2 * width + depth + 3))
        is_open = 1 if blocks[at_x, at_y, 1] == AIR else 0
        if before == 0 and is_open == 1:
            arcs += 1
        before = is_open
    return arcs


@kernel
def build_city(seed: np.uint64, blocks: NDArray[np.uint8], fewest: int, most: int, lowest: int, highest: int) -> None:
    """Fill `blocks` (`uint8 [N, N, Z]`, all air) with a city in which every open cell can be reached.

    A building that would stand on another or around the start, or cut off a part of the plane, is tried
    elsewhere.
    """
    size = blocks.shape[0]
    middle = size // 2
    rng = open_rng(seed)
    enclose(blocks, FLOOR, WALL_HEIGHT)
    largest = min(max(size // 4, LARGEST_SIDE[0]), LARGEST_SIDE[1])
    open_cells = (size - 2) ** 2
    for _ in range(random_between(rng, fewest, most)):
        for _ in range(ATTEMPTS):
            width, depth = random_between(rng, 1, largest), random_between(rng, 1, largest)
            x, y = random_between(rng, 1, size - 1 - width), random_between(rng, 1, size - 1 - depth)
            top = 1 + random_between(rng, lowest, highest)
            kind = random_between(rng, FIRST_BUILDING, LAST_BUILDING)
            beside_start = x > middle + 1 or x + width < middle or y > middle + 1 or y + depth < middle
            if not beside_start or not is_vacant(blocks, x, y, width, depth):
                continue
            put_box(blocks, x, y, width, depth, 1, top, kind)
            if count_arcs(blocks, x, y, width, depth) <= 1:
                open_cells -= width * depth  # the open cells around it are one piece, so nothing is cut off
                break
            if count_reachable(blocks, middle, middle) == open_cells - width * depth:
                open_cells -= width * depth
                break
            put_box(blocks, x, y, width, depth, 1, top, AIR)


def generate(config: RandomCityConfig, episode_seed: int) -> World:
    """Build the city of one episode: a pure function of the arguments and the 64-bit seed."""
    blocks = np.zeros((config.size, config.size, config.height), np.uint8)
    build_city(np.uint64(episode_seed), blocks, *config.building_range, *config.heights)
    middle = config.size // 2 + 0.5
    return World(blocks, spawn=(middle, middle, 1.0))


RANDOM_CITY = register_level(Level("RandomCity", RandomCityConfig, WALKING, generate))
