"""A level of your own: a hall with a row of columns, and food behind each of them.

    python examples/own_level.py

or, from this folder, on the command line, with one of its arguments:

    simcore train own_level:HALL --preset tiny --world.columns 5
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from simcore.worlds import Level, LevelConfig, World
from simcore.worlds.voxel.grid import AIR, FIRST_BUILDING, FOOD, GROUND, LAST_BUILDING, WALL
from simcore.worlds.voxel.levels import register_level
from simcore.worlds.voxel.levels.actions import WALKING

HEIGHT = 4


@dataclass(frozen=True, kw_only=True)
class HallConfig(LevelConfig):
    """The arguments of the hall."""

    size: int = 13
    """Side of the square grid in cells, walls included."""
    columns: int = 3
    """Number of columns, each with a piece of food behind it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        most = (self.size - 3) // 2
        if not 1 <= self.columns <= most:
            raise ValueError(f"columns is {self.columns}; in a hall of {self.size} allowed are 1 to {most}")

    @property
    def height(self) -> int:
        """Height of the grid, in cells."""
        return HEIGHT


def generate(config: HallConfig, episode_seed: int) -> World:
    """Make the hall of one episode: a pure function of the arguments and the 64-bit seed."""
    rng = np.random.default_rng(episode_seed)
    blocks = np.full((config.size, config.size, HEIGHT), WALL, np.uint8)
    blocks[1:-1, 1:-1, 0] = GROUND
    blocks[1:-1, 1:-1, 1:] = AIR
    places = 2 + 2 * rng.choice((config.size - 3) // 2, config.columns, replace=False)
    row = config.size // 2
    for x in places:
        blocks[x, row, 1:] = rng.integers(FIRST_BUILDING, LAST_BUILDING + 1)
        blocks[x, row - 2, 1] = FOOD
    return World(blocks, spawn=(config.size / 2, config.size - 1.5, 1.0))


HALL = register_level(Level("Hall", HallConfig, WALKING, generate))


def main() -> None:
    """Check the level, train an agent in it briefly, and print its return."""
    import simcore
    from simcore.runs import read_metrics
    from simcore.testing import check_level

    check_level(HALL)
    updates = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        simcore.train(simcore.preset("tiny", "Hall").changed(threads=1, learning={"updates": updates}), path)
        last = read_metrics(path / "metrics.jsonl")[-1]
        print(f"{last['episodes']:.0f} episodes, {last['return']:.2f} pieces of food in each")


if __name__ == "__main__":
    main()
