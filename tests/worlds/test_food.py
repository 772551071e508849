import numpy as np
import pytest

from simcore.worlds import WorldEnv, make_vector
from simcore.worlds.voxel.grid import AIR, FIRST_BUILDING, FOOD, GROUND, WALL
from simcore.worlds.voxel.levels.food import FoodConfig, generate


@pytest.mark.parametrize("arguments", [{}, {"size": 9}, {"size": 7, "amount": 1}, {"size": 24, "amount": 30}])
def test_is_what_it_says(arguments):
    config = FoodConfig(**arguments)
    for seed in range(100):
        world = generate(config, seed)
        blocks = world.blocks
        edge = np.ones((config.size, config.size), bool)
        edge[1:-1, 1:-1] = False
        assert ((blocks[:, :, 1] == WALL) == edge).all()
        assert (blocks[1:-1, 1:-1, 0] == GROUND).all()
        assert (blocks[:, :, 1] == FOOD).sum() == (blocks == FOOD).sum() == config.amount
        landmarks = blocks[:, :, 1] >= FIRST_BUILDING
        assert landmarks.sum() <= config.landmarks
        assert (blocks[landmarks][:, 1:4] >= FIRST_BUILDING).all()
        x, y, z = (int(place) for place in world.spawn)
        assert blocks[x, y, z] == AIR
        assert 0 <= world.heading < 16


def test_landmarks_never_cut_the_floor():
    config = FoodConfig(landmarks=1000)
    for seed in range(50):
        tall = generate(config, seed).blocks[:, :, 1] >= FIRST_BUILDING
        assert tall.sum() > 10
        for x, y in np.argwhere(tall):
            assert tall[x - 1 : x + 2, y - 1 : y + 2].sum() == 1
            assert 2 <= min(x, y) <= max(x, y) <= config.size - 3


def test_places_and_headings_are_random():
    worlds = [generate(FoodConfig(), seed) for seed in range(400)]
    food = sum((world.blocks[1:-1, 1:-1, 1] == FOOD).astype(int) for world in worlds)
    assert (food > 0).all()
    assert food.max() < 30  # 10 are expected in each cell
    assert len({world.spawn for world in worlds}) > 100
    assert len({world.heading for world in worlds}) == 16
    assert len({world.blocks.tobytes() for world in worlds}) == 400


def test_a_pure_function_of_the_seed():
    first, again = (generate(FoodConfig(), 2**64 - 1) for _ in range(2))
    np.testing.assert_array_equal(first.blocks, again.blocks)
    assert (first.spawn, first.heading) == (again.spawn, again.heading)


def test_random_walks_find_food_in_a_tiny_room():
    worlds = make_vector("Food", 32, size=9, frame_size=16, episode_length=100)
    worlds.reset(seed=0)
    rng = np.random.default_rng(0)
    total = sum(worlds.step(rng.integers(0, 5, 32))[1].sum() for _ in range(100))
    assert 32 < total < 32 * 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 6}, "size is 6; a room needs 7 to 255 cells"),
        ({"amount": 0}, "amount is 0; allowed are 1 to 49 pieces of food here"),
        ({"size": 9, "amount": 13}, "amount is 13; allowed are 1 to 12 pieces"),
        ({"landmarks": -1}, "landmarks is -1; allowed are 0 to"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        WorldEnv("Food", **arguments)
