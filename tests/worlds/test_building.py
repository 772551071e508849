import numpy as np
import pytest
from reach import reachable_food
from solver import play

from simcore.worlds import LEVELS, WorldEnv, make_vector
from simcore.worlds.voxel.grid import AIR, BLOCK, CLIFF, FIRST_BUILDING, FOOD, GROUND, LAST_BUILDING, WALL, WATER
from simcore.worlds.voxel.rules import make_rules

BUILDING_LEVELS = ("HighFood", "Bridge", "Cliff", "CliffHard", "HighFoodHard", "Tower")
VARIANTS = [
    *((name, {}) for name in BUILDING_LEVELS),
    ("HighFood", {"size": 9, "amount": 12, "carried": 1}),
    ("HighFood", {"lift": 2, "carried": 0, "loose": 4}),
    ("HighFoodHard", {"lift": 8, "loose": 12}),
    ("Bridge", {"size": 9}),
    ("Bridge", {"gap": 4, "carried": 0, "loose": 5}),
    ("Bridge", {"size": 24, "gap": 16, "carried": 0, "loose": 22, "landmarks": 20}),
    ("Bridge", {"gap": 5, "speed": 1.0}),
    ("Bridge", {"gap": 2, "speed": 0.25}),
    ("Cliff", {"size": 7}),
    ("Cliff", {"rise": 2, "landmarks": 20}),
    ("Cliff", {"carried": 2, "loose": 4}),
    ("CliffHard", {"rise": 8, "size": 24}),
    ("Tower", {"size": 9, "amount": 9}),
    ("Tower", {"rise": 3, "carried": 0, "loose": 12}),
]


def worlds_of(name, seeds, **arguments):
    level = LEVELS[name]
    config = level.config(**arguments)
    return config, [level.generate(config, seed) for seed in range(seeds)]


@pytest.mark.parametrize(("name", "arguments"), VARIANTS)
def test_no_food_without_building(name, arguments):
    config, worlds = worlds_of(name, 20, **arguments)
    rules = make_rules(LEVELS[name].action_table(), config.speed, config.turn_angle)
    for world in worlds:
        assert not reachable_food(world, rules)


@pytest.mark.parametrize(("name", "arguments"), VARIANTS)
def test_every_variant_can_be_solved(name, arguments):
    worlds = make_vector(name, 10, frame_size=4, episode_length=600, **arguments)
    totals, terminated, _ = play(worlds, seed=1000)
    assert (totals == worlds.config.amount).all()
    assert terminated.all()


@pytest.mark.parametrize(("name", "arguments"), VARIANTS)
def test_holds_what_its_arguments_say(name, arguments):
    config, worlds = worlds_of(name, 50, **arguments)
    for world in worlds:
        blocks = world.blocks
        assert blocks.shape == (config.size, config.size, config.height)
        assert blocks.dtype == np.uint8
        assert (blocks == FOOD).sum() == config.amount
        assert (blocks == BLOCK).sum() == config.loose
        assert world.carried == {BLOCK: config.blocks_in_hand}
        x, y, z = (int(place) for place in world.spawn)
        coloured = (blocks[:, :, z] >= FIRST_BUILDING) & (blocks[:, :, z] <= LAST_BUILDING)
        assert coloured.sum() <= config.landmarks + (name == "Tower")  # the platform's foot is one more
        assert (blocks[x, y, z : z + 2] == AIR).all()
        assert blocks[x, y, z - 1] == GROUND


@pytest.mark.parametrize("name", BUILDING_LEVELS)
def test_nothing_can_be_learned_by_heart(name):
    config, worlds = worlds_of(name, 300)
    assert len({world.blocks.tobytes() for world in worlds}) == 300
    assert len({world.heading for world in worlds}) == config.turns
    food = sum((world.blocks == FOOD).any(2).astype(int) for world in worlds)
    starts = np.zeros_like(food)
    for world in worlds:
        starts[int(world.spawn[0]), int(world.spawn[1])] += 1
    assert (food[2:-2, 2:-2] > 0).mean() > 0.9
    assert food.max() < 40
    assert starts.max() < 15


@pytest.mark.parametrize("name", BUILDING_LEVELS)
def test_a_pure_function_of_the_seed(name):
    level = LEVELS[name]
    first, again = (level.generate(level.config(), 2**64 - 1) for _ in range(2))
    np.testing.assert_array_equal(first.blocks, again.blocks)
    assert (first.spawn, first.heading, first.carried) == (again.spawn, again.heading, again.carried)


def test_high_food_hangs_just_out_of_reach():
    for name, height in (("HighFood", 4), ("HighFoodHard", 6)):
        _, worlds = worlds_of(name, 20)
        for world in worlds:
            assert (world.blocks[:, :, height] == FOOD).sum() == 3
            for x, y in np.argwhere(world.blocks[:, :, height] == FOOD):
                assert not world.blocks[x, y, 1:height].any()


def test_a_river_parts_start_and_food():
    turned = set()
    for world in worlds_of("Bridge", 40)[1]:
        water = world.blocks[:, :, 0] == WATER
        rows, columns = (water.any(axis) for axis in (0, 1))
        across = min((rows, columns), key=np.count_nonzero)
        river = np.flatnonzero(across)
        assert water.sum() == 3 * 14
        assert (np.diff(river) == 1).all()
        assert not world.blocks[water][:, 1:].any()
        axis = 1 if across is rows else 0
        start = int(world.spawn[axis])
        sides = {int(cell[axis]) > river[0] for cell in np.argwhere(world.blocks == FOOD)}
        assert sides == {start < river[0]}
        turned.add((axis, start < river[0]))
    assert len(turned) == 4


def test_cliffs_are_as_high_as_said_and_wind():
    depths = set()
    for world in worlds_of("CliffHard", 40)[1]:
        tops = (world.blocks == CLIFF).sum(2)
        assert set(np.unique(tops)) == {0, 5}
        assert (world.blocks[tops == 5][:, 6] != AIR).sum() == 3  # the food
        sides = [side for side in (tops, tops[::-1], tops.T, tops.T[::-1]) if side[1, 1:-1].all()]
        depths.add(tuple((sides[0] > 0).sum(0)))
    assert len(depths) > 35


def test_a_platform_stands_free():
    for world in worlds_of("Tower", 40)[1]:
        food = np.argwhere(world.blocks == FOOD)
        assert (food[:, 2] == 6).all()
        slab = np.argwhere((world.blocks[:, :, 5] != AIR) & (world.blocks[:, :, 5] != WALL))
        assert len(slab) == 9
        assert slab.min() >= 2
        assert slab.max() <= 13
        under = world.blocks[slab[0][0] : slab[0][0] + 3, slab[0][1] : slab[0][1] + 3, 1:5]
        assert (under != AIR).any(2).sum() == 1


def test_falling_into_the_river_ends_the_episode_without_reward():
    worlds = make_vector("Bridge", 16, frame_size=4)
    worlds.reset(seed=0)
    forward = np.full(16, worlds.action_names.index("jump_forward"))
    for _ in range(60):
        _, rewards, terminated, truncated, _ = worlds.step(forward)
        assert not rewards.any()
        assert not truncated.any()
        if terminated.any():
            break
    drowned = np.flatnonzero(terminated)
    assert len(drowned)
    assert (worlds.episodes.motion[drowned, 2] < 1).all()
    assert (worlds.episodes.food_left[drowned] == 3).all()


@pytest.mark.parametrize(
    ("level", "arguments", "message"),
    [
        ("HighFood", {"lift": 0}, "lift is 0; allowed are 1 to 16 blocks"),
        ("HighFood", {"loose": 1}, "loose is 1; with a lift of 1, each would be a step"),
        ("HighFood", {"carried": 0}, "carried is 0 and loose is 0; 1 blocks at least are needed"),
        ("HighFoodHard", {"carried": -1, "loose": 9}, "carried is -1; allowed are 0 to 1000000 blocks"),
        ("HighFoodHard", {"loose": 13}, "loose is 13; allowed are 0 to 12 blocks here"),
        ("Bridge", {"gap": 2}, "gap is 2; a leap here may cross 2 cells, and the room holds 10: allowed are 3 to 10"),
        ("Bridge", {"size": 64, "gap": 4, "carried": 0, "loose": 240}, "loose is 240; allowed are 0 to 62 blocks here"),
        ("Bridge", {"loose": 1}, "gap is 3; a leap here may cross 3 cells"),
        ("Bridge", {"speed": 1.0}, "gap is 3; a leap here may cross 4 cells"),
        ("Bridge", {"speed": float("nan")}, "speed must be a finite number, not nan"),
        ("Bridge", {"amount": 15}, "amount is 15; allowed are 1 to 14"),
        ("Cliff", {"rise": 1}, "rise is 1; allowed are 2 to 16 blocks"),
        ("Cliff", {"size": 6}, "size is 6; a rise of 3 needs 7 cells"),
        ("Cliff", {"rise": 2, "loose": 1}, "loose is 1; with a rise of 2"),
        ("CliffHard", {"carried": 3}, "carried is 3 and loose is 0; 4 blocks at least are needed"),
        ("Tower", {"rise": 2}, "rise is 2; allowed are 3 to 16 blocks"),
        ("Tower", {"size": 8}, "size is 8; a platform needs 9 to 255 cells"),
        ("Tower", {"amount": 10}, "amount is 10; allowed are 1 to 9"),
    ],
)
def test_arguments_are_checked(level, arguments, message):
    with pytest.raises(ValueError, match=message):
        WorldEnv(level, **arguments)
