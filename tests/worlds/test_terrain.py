import numpy as np
import pytest

from simcore.worlds import LEVELS, WorldEnv
from simcore.worlds.voxel.grid import AIR, FOOD, FOREST, ICE, MEADOW, ROCK, SAND, SNOW
from simcore.worlds.voxel.levels.terrain import TerrainConfig, generate, lower_steps, make_noise


def read_levels(blocks):
    """Return the height of the ground, and check that each column is one kind from bottom to top."""
    ground = (blocks != AIR) & (blocks != FOOD)
    levels = ground.sum(2)
    for z in range(blocks.shape[2]):
        assert (ground[:, :, z] == (levels > z)).all()
        assert (blocks[:, :, z] == blocks[:, :, 0])[ground[:, :, z]].all()
    return levels


@pytest.mark.parametrize(
    "arguments", [{}, {"size": 9, "amount": 5}, {"size": 40, "relief": 20}, {"relief": 2}, {"relief": 32}]
)
def test_every_step_can_be_climbed(arguments):
    config = TerrainConfig(**arguments)
    for seed in range(20):
        world = generate(config, seed)
        levels = read_levels(world.blocks)
        assert levels.min() >= 1
        assert levels.max() <= config.relief
        assert np.abs(np.diff(levels, axis=0)).max() <= 1
        assert np.abs(np.diff(levels, axis=1)).max() <= 1
        food = np.argwhere(world.blocks == FOOD)
        assert len(food) == config.amount
        assert all(levels[x, y] == z for x, y, z in food)  # each lies on the ground
        x, y, z = (int(place) for place in world.spawn)
        assert levels[x, y] == z
        assert world.blocks[x, y, z] == AIR


def test_its_surface_tells_its_height():
    kinds = {level: set() for level in range(1, 11)}
    for seed in range(30):
        blocks = generate(TerrainConfig(), seed).blocks
        levels = read_levels(blocks)
        for level in np.unique(levels):
            kinds[level] |= set(np.unique(blocks[:, :, 0][levels == level]).tolist())
    green = {MEADOW, FOREST}
    assert kinds[1] == set()  # under the ice
    assert [kinds[level] for level in range(2, 11)] == [
        {ICE},
        {SAND},
        green,
        green,
        green,
        {ROCK},
        {ROCK},
        {SNOW},
        {SNOW},
    ]


def test_lowers_steps_no_more_than_it_must():
    rng = np.random.default_rng(0)
    for _ in range(10):
        levels = rng.integers(0, 20, (9, 9))
        x, y = np.indices((9, 9))
        far = np.abs(x[..., None, None] - x) + np.abs(y[..., None, None] - y)
        expected = (levels + far).min((2, 3))
        lower_steps(levels)
        np.testing.assert_array_equal(levels, expected)


def test_noise_is_smooth_and_spans_all():
    heights = np.empty((64, 64))
    steps, correlations = [], []
    for seed in range(20):
        make_noise(np.uint64(seed), heights)
        assert heights.min() == 0.0
        assert heights.max() == 1.0
        steps.append(np.abs(np.diff(heights, axis=0)).mean())
        correlations.append(np.corrcoef(heights[:-16].ravel(), heights[16:].ravel())[0, 1])
    assert np.mean(steps) < 0.06
    assert abs(np.mean(correlations)) < 0.4  # hills are not much wider than the lattice


def test_places_are_random():
    worlds = [generate(TerrainConfig(), seed) for seed in range(100)]
    assert len({world.blocks.tobytes() for world in worlds}) == 100
    assert len({world.spawn for world in worlds}) > 95
    assert len({world.heading for world in worlds}) == 16
    assert sum((world.blocks == FOOD).any(2).astype(int) for world in worlds).max() < 8


def test_a_pure_function_of_the_seed():
    first, again = (generate(TerrainConfig(), 2**64 - 1) for _ in range(2))
    np.testing.assert_array_equal(first.blocks, again.blocks)
    assert (first.spawn, first.heading) == (again.spawn, again.heading)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"amount": 0}, "amount is 0; allowed are 1 to 1024 yellow blocks here"),
        ({"relief": 1}, "relief is 1; allowed are 2 to 32 blocks"),
        ({"relief": 33}, "relief is 33; allowed are 2 to 32 blocks"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        WorldEnv("Terrain", **arguments)


def test_the_agent_is_slower_than_in_the_city():
    assert LEVELS["Terrain"].config().speed < LEVELS["RandomCity"].config().speed
