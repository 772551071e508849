import numpy as np
import pytest

from simcore.worlds.voxel.grid import FIRST_BUILDING, GROUND, WALL
from simcore.worlds.voxel.levels.random_city import RandomCityConfig, generate


def reachable(open_cells, start):
    """A plain flood fill, apart from the one that is tested."""
    reached, waiting = {start}, [start]
    while waiting:
        x, y = waiting.pop()
        for near in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if open_cells[near] and near not in reached:
                reached.add(near)
                waiting.append(near)
    return reached


@pytest.mark.parametrize(
    "arguments",
    [{}, {"size": 9}, {"size": 11}, {"size": 7}, {"size": 16, "buildings": (60, 90)}, {"size": 40}],
)
def test_every_open_place_can_be_reached(arguments):
    config = RandomCityConfig(**arguments)
    for seed in range(60):
        world = generate(config, seed)
        open_cells = world.blocks[:, :, 1] == 0
        start = (int(world.spawn[0]), int(world.spawn[1]))
        assert open_cells[start]
        assert len(reachable(open_cells, start)) == open_cells.sum()


def test_is_what_it_says():
    config = RandomCityConfig()
    built = []
    for seed in range(100):
        world = generate(config, seed)
        blocks = world.blocks
        assert blocks.shape == (24, 24, config.height)
        assert (blocks[:, :, 0] == np.where(blocks[:, :, 1] == WALL, WALL, GROUND)).all()
        edge = np.ones((24, 24), bool)
        edge[1:-1, 1:-1] = False
        assert ((blocks[:, :, 1] == WALL) == edge).all()
        inside = blocks[1:-1, 1:-1, 1:]
        assert (inside[inside > 0] >= FIRST_BUILDING).all()
        full = inside > 0
        assert (np.diff(full.astype(int), axis=2) <= 0).all()  # boxes stand on the ground
        assert (blocks[11:14, 11:14, 1] == 0).all()  # room around the start
        assert world.spawn == (12.5, 12.5, 1.0)
        assert world.heading == 0
        built.append(full[:, :, 0].mean())
    assert 0.1 < np.mean(built) < 0.4
    assert np.std(built) > 0.03  # their number is random


def test_number_and_heights_of_buildings():
    for seed in range(30):
        world = generate(RandomCityConfig(buildings=(1, 1), heights=(6, 6)), seed)
        tops = (world.blocks[1:-1, 1:-1, 1:] > 0).sum(2)
        xs, ys = np.nonzero(tops)
        box = tops[xs.min() : xs.max() + 1, ys.min() : ys.max() + 1]
        assert (box == 6).all()  # one box, filled
    assert not (generate(RandomCityConfig(buildings=(0, 0)), 1).blocks[1:-1, 1:-1, 1:]).any()


def test_a_pure_function_of_the_seed():
    config = RandomCityConfig()
    first = generate(config, 2**64 - 1).blocks
    np.testing.assert_array_equal(first, generate(config, 2**64 - 1).blocks)
    assert (first != generate(config, 2**64 - 2).blocks).any()
    assert len({generate(config, seed).blocks.tobytes() for seed in range(200)}) == 200


def test_small_cities_hold_buildings():
    for size in (9, 11):
        config = RandomCityConfig(size=size)
        covers = [(generate(config, seed).blocks[1:-1, 1:-1, 1] > 0).sum() for seed in range(50)]
        assert min(covers) > 0
        assert 4 < np.mean(covers) < 0.4 * (size - 2) ** 2
