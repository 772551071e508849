"""Random City: coloured boxes on a walled plane, without reward; the agent starts in the middle, heading up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.grid import AIR, FIRST_BUILDING, GROUND, LAST_BUILDING, WALL, World
from simcore.worlds.kernels import kernel
from simcore.worlds.levels.base import Action, Level, LevelConfig, require
from simcore.worlds.streams import draw_between

WALL_HEIGHT = 3
ATTEMPTS = 12  # places tried for a building before it is given up
LARGEST_SIDE = 6

ACTIONS = (
    Action("forward", walk=1),
    Action("turn_left", turn=-1),
    Action("turn_right", turn=1),
    Action("forward_left", turn=-1, walk=1),
    Action("forward_right", turn=1, walk=1),
)


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
        require(self.size >= 7, f"size is {self.size}; a city needs 7 to 255 cells")
        if self.buildings is not None:
            object.__setattr__(self, "buildings", _pair("buildings", self.buildings, 0, self.size**2))
        object.__setattr__(self, "heights", _pair("heights", self.heights, 1, 64))

    @property
    def height(self) -> int:
        """The ground, and the higher of walls and buildings."""
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
    require(
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
def build_city(
    seed: np.uint64, blocks: NDArray[np.uint8], fewest: int, most: int, lowest: int, highest: int
) -> None:
    """Fill `blocks` (`uint8 [N, N, Z]`, all air) with a city in which every open cell can be reached.

    A building that would stand on another or around the start, or cut off a part of the plane, is tried elsewhere.
    """
    size = blocks.shape[0]
    middle = size // 2
    stream = np.empty(1, np.uint64)
    stream[0] = seed
    blocks[:, :, 0] = GROUND
    for edge in (0, size - 1):
        blocks[edge, :, : 1 + WALL_HEIGHT] = WALL
        blocks[:, edge, : 1 + WALL_HEIGHT] = WALL
    largest = max(2, min(LARGEST_SIDE, size // 4))
    open_cells = (size - 2) ** 2
    for _ in range(draw_between(stream, fewest, most)):
        for _ in range(ATTEMPTS):
            width, depth = draw_between(stream, 1, largest), draw_between(stream, 1, largest)
            x, y = draw_between(stream, 1, size - 1 - width), draw_between(stream, 1, size - 1 - depth)
            top = 1 + draw_between(stream, lowest, highest)
            kind = draw_between(stream, FIRST_BUILDING, LAST_BUILDING)
            near_start = (
                x <= middle + 1 and x + width > middle - 1 and y <= middle + 1 and y + depth > middle - 1
            )
            if near_start or np.any(blocks[x : x + width, y : y + depth, 1]):
                continue
            blocks[x : x + width, y : y + depth, 1:top] = kind
            if count_reachable(blocks, middle, middle) == open_cells - width * depth:
                open_cells -= width * depth
                break
            blocks[x : x + width, y : y + depth, 1:top] = AIR


def generate(config: RandomCityConfig, episode_seed: int) -> World:
    """Build the city of one episode: a pure function of the arguments and the 64-bit seed."""
    blocks = np.zeros((config.size, config.size, config.height), np.uint8)
    build_city(np.uint64(episode_seed), blocks, *config.building_range, *config.heights)
    middle = config.size // 2 + 0.5
    return World(blocks, spawn=(middle, middle, 1.0))


RANDOM_CITY = Level("RandomCity", RandomCityConfig, ACTIONS, generate)
