"""Terrain (App. I): a wide landscape of hills, grown anew for each episode, with yellow blocks to collect.

The hills are value noise. They are then lowered until no step is higher than one block, so an agent that jumps
can go everywhere. The kind of block shows the height: frozen lakes, sand, meadows and forests, rock, snow.
"""

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.checks import require_valid
from simcore.worlds.voxel.grid import AIR, FOOD, FOREST, ICE, MEADOW, ROCK, SAND, SNOW, World
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.levels.actions import CLIMBING
from simcore.worlds.voxel.levels.base import Level, LevelConfig, register_level
from simcore.worlds.voxel.rng import fork, open_rng, random_between

WIDEST_HILL = 16  # cells from crest to trough of the coarsest noise; each octave halves it, and its weight
OCTAVES = 3
HILLS, WOODS, PLACES = range(3)  # sub-streams of an episode's seed
LAKE, BEACH, TREE_LINE, SNOW_LINE = 0.2, 0.3, 0.65, 0.85  # fractions of the relief where each begins or ends


@dataclass(frozen=True, kw_only=True)
class TerrainConfig(LevelConfig):
    """The arguments of Terrain.

    Raises:
        ValueError: an argument is out of its limits; the message says which, and what is allowed.
    """

    size: int = 64
    """Side of the square grid in cells."""
    episode_length: int = 3000
    """Steps after which an episode is truncated."""
    speed: float = 0.25
    """Cells walked in a step."""
    amount: int = 20
    """Yellow blocks; +1 for each, and the last ends the episode."""
    relief: int = 10
    """Height of the highest place, in blocks; the lowest is one block high."""

    def __post_init__(self) -> None:
        super().__post_init__()
        most = self.size**2 // 4
        require_valid(1 <= self.amount <= most, f"amount is {self.amount}; allowed are 1 to {most} yellow blocks here")
        require_valid(2 <= self.relief <= 32, f"relief is {self.relief}; allowed are 2 to 32 blocks")

    @property
    def height(self) -> int:
        """Height of the grid in cells: the highest place, and food on it."""
        return self.relief + 1


@kernel
def smooth(part: float) -> float:
    """Interpolate from 0 to 1, with no slope at either end (smoothstep)."""
    return part * part * (3 - 2 * part)


@kernel
def add_octave(seed: np.uint64, heights: NDArray[np.float64], period: int, weight: float) -> None:
    """Add value noise to `heights` (`float64 [N, N]`): random values on a lattice, smoothly joined."""
    size = heights.shape[0]
    nodes = size // period + 2
    lattice = np.empty((nodes, nodes))
    for index in range(nodes * nodes):
        lattice[index // nodes, index % nodes] = weight * float(fork(seed, index) >> np.uint64(11)) / 2.0**53
    for x in range(size):
        node_x, part_x = x // period, smooth(x % period / period)
        for y in range(size):
            node_y, part_y = y // period, smooth(y % period / period)
            near = lattice[node_x, node_y] * (1 - part_y) + lattice[node_x, node_y + 1] * part_y
            far = lattice[node_x + 1, node_y] * (1 - part_y) + lattice[node_x + 1, node_y + 1] * part_y
            heights[x, y] += near * (1 - part_x) + far * part_x


@kernel
def make_noise(seed: np.uint64, heights: NDArray[np.float64]) -> None:
    """Overwrite `heights` (`float64 [N, N]`) with noise that spans 0 to 1."""
    heights[:] = 0.0
    for octave in range(OCTAVES):
        add_octave(fork(seed, octave), heights, WIDEST_HILL >> octave, 0.5**octave)
    lowest, highest = heights.min(), heights.max()
    for x in range(heights.shape[0]):
        for y in range(heights.shape[1]):
            heights[x, y] = (heights[x, y] - lowest) / (highest - lowest)


@kernel
def lower_steps(levels: NDArray[np.int64]) -> None:
    """Lower `levels` (`int64 [N, N]`) as little as possible so that no neighbours differ by more than one.

    The result at a cell is the minimum, over all cells, of their level plus the distance; a pass each way finds it.
    """
    size = levels.shape[0]
    for x in range(size):
        for y in range(size):
            if x > 0:
                levels[x, y] = min(levels[x, y], levels[x - 1, y] + 1)
            if y > 0:
                levels[x, y] = min(levels[x, y], levels[x, y - 1] + 1)
    for x in range(size - 1, -1, -1):
        for y in range(size - 1, -1, -1):
            if x < size - 1:
                levels[x, y] = min(levels[x, y], levels[x + 1, y] + 1)
            if y < size - 1:
                levels[x, y] = min(levels[x, y], levels[x, y + 1] + 1)


@kernel
def name_kind(part: float, wooded: bool) -> int:
    """Return the kind of block at a fraction (0 .. 1) of the relief."""
    if part <= LAKE:
        return ICE
    if part <= BEACH:
        return SAND
    if part <= TREE_LINE:
        return FOREST if wooded else MEADOW
    return ROCK if part <= SNOW_LINE else SNOW


@kernel
def grow(seed: np.uint64, blocks: NDArray[np.uint8], amount: int, turns: int) -> tuple[int, int, int, int]:
    """Fill `blocks` (`uint8 [N, N, Z]`, all air); return the start: its place (x, y, z) and heading."""
    size, relief = blocks.shape[0], blocks.shape[2] - 1
    noise = np.empty((size, size))
    make_noise(fork(seed, HILLS), noise)
    levels = np.empty((size, size), np.int64)
    lake = 1 + floor(LAKE * (relief - 1))
    for x in range(size):
        for y in range(size):
            levels[x, y] = max(1 + min(floor(noise[x, y] * relief), relief - 1), lake)
    lower_steps(levels)
    make_noise(fork(seed, WOODS), noise)
    for x in range(size):
        for y in range(size):
            kind = name_kind((levels[x, y] - 1) / (relief - 1), noise[x, y] > 0.5)
            for z in range(levels[x, y]):  # of one kind down to the bottom: one run for the renderer
                blocks[x, y, z] = kind
    rng = open_rng(fork(seed, PLACES))
    while amount > 0:
        x, y = random_between(rng, 0, size - 1), random_between(rng, 0, size - 1)
        if blocks[x, y, levels[x, y]] == AIR:
            blocks[x, y, levels[x, y]] = FOOD
            amount -= 1
    while True:
        x, y = random_between(rng, 0, size - 1), random_between(rng, 0, size - 1)
        if blocks[x, y, levels[x, y]] == AIR:
            return x, y, levels[x, y], random_between(rng, 0, turns - 1)


def generate(config: TerrainConfig, episode_seed: int) -> World:
    """Grow the terrain of one episode: a pure function of the arguments and the 64-bit seed."""
    blocks = np.zeros((config.size, config.size, config.height), np.uint8)
    x, y, z, heading = grow(np.uint64(episode_seed), blocks, config.amount, config.turns)
    return World(blocks, spawn=(x + 0.5, y + 0.5, z), heading=heading)


TERRAIN = register_level(Level("Terrain", TerrainConfig, CLIMBING, generate))
