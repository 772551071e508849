import numpy as np
import pytest

from simcore.worlds import LEVELS, Action, Level, RandomCityConfig, Walker, make_vector
from simcore.worlds.voxel.levels.base import register_level
from simcore.worlds.voxel.planner import is_clear, shortest_path


def walk(worlds, walker, steps):
    """Let the walker walk; return the actions and poses, `[T, B, ...]`."""
    actions, poses = [], []
    for _ in range(steps):
        actions.append(walker.act())
        poses.append(worlds.step(actions[-1])[-1]["pose"])
    return np.array(actions), np.array(poses)


@pytest.mark.parametrize(
    ("count", "size", "goals", "arguments"),
    [
        (80, 24, 6, {}),
        (40, 9, 20, {}),
        (40, 11, 20, {}),
        (20, 16, 8, {"buildings": (40, 60)}),
        (20, 24, 5, {"speed": 0.3, "turn_angle": 15}),
        (20, 24, 5, {"speed": 1.0, "turn_angle": 45}),
    ],
)
def test_reaches_goal_after_goal_and_never_stands_long(count, size, goals, arguments):
    worlds = make_vector("RandomCity", count, size=size, frame_size=8, episode_length=1000, **arguments)
    worlds.reset(seed=size)
    walker = Walker(worlds, seed=1)
    _, poses = walk(worlds, walker, 600)
    assert (walker.plans.reached >= goals).all()
    moved = np.abs(np.diff(poses[:, :, :2], axis=0)).max(-1) > 0.01 * worlds.config.speed  # [T, B]
    longest = np.zeros(count, int)
    standing = np.zeros(count, int)
    for step in moved:
        standing = np.where(step, 0, standing + 1)
        longest = np.maximum(longest, standing)
    half_turn = 180 / worlds.config.turn_angle
    assert longest.max() <= half_turn + 4
    assert moved.mean() > 0.75


def test_sees_most_of_the_city():
    worlds = make_vector("RandomCity", 50)
    worlds.reset(seed=0)
    walker = Walker(worlds, seed=0)
    for _ in range(100):
        _, _, _, truncated, info = worlds.step(walker.act())
    assert truncated.all()
    assert info["seen"].mean() > 0.6


def test_the_size_of_the_batch_changes_nothing():
    walks = []
    for count in (2, 5):
        worlds = make_vector("RandomCity", count, size=13, frame_size=8, episode_length=30)
        worlds.reset(seed=4)
        walks.append(walk(worlds, Walker(worlds, seed=7), 80)[0][:, :2])
    np.testing.assert_array_equal(*walks)


def test_seeds_differ():
    walks = []
    for seed in (0, 1, -1):
        worlds = make_vector("RandomCity", 1, size=13, frame_size=8)
        worlds.reset(seed=4)
        walks.append(walk(worlds, Walker(worlds, seed), 50)[0].tobytes())
    assert len(set(walks)) == 3


def test_state_continues_bit_for_bit():
    worlds = make_vector("RandomCity", 3, size=13, frame_size=8, episode_length=20)
    worlds.reset(seed=4)
    walker = Walker(worlds, seed=7)
    walk(worlds, walker, 33)
    state, walker_state = worlds.get_state(), walker.get_state()
    expected = walk(worlds, walker, 60)
    other_worlds = make_vector("RandomCity", 3, size=13, frame_size=8, episode_length=20)
    other_worlds.set_state(state)
    other = Walker(other_worlds, seed=0)
    other.set_state(walker_state)
    for a, b in zip(walk(other_worlds, other, 60), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="missing"):
        other.set_state({})


def test_stays_where_no_way_leads_out():
    worlds = make_vector("RandomCity", 1, size=9, frame_size=8, buildings=(0, 0))
    worlds.reset(seed=0)
    walker = Walker(worlds)
    walker.act()
    for x, y in ((3, 3), (3, 4), (3, 5), (4, 3), (4, 5), (5, 3), (5, 4), (5, 5)):
        worlds.episodes.blocks[0, x, y, 1:] = 2
    _, poses = walk(worlds, walker, 50)
    assert np.abs(poses[:, 0, :2] - 4.5).max() < 0.21


def test_walks_on_uneven_ground_too():
    worlds = make_vector("Terrain", 20, size=16, frame_size=4)
    worlds.reset(seed=0)
    _, poses = walk(worlds, Walker(worlds), 300)
    assert (np.abs(np.diff(poses[:, :, :2], axis=0)).sum((0, 2)) > 1).mean() > 0.5


def test_needs_its_actions():
    level = Level("Stairs", RandomCityConfig, (Action("forward", walk=1),), LEVELS["RandomCity"].generate)
    register_level(level)
    with pytest.raises(ValueError, match="which Stairs does not have"):
        Walker(make_vector("Stairs", 1))


def test_shortest_path_is_shortest():
    rng = np.random.default_rng(0)
    for _ in range(40):
        size = 10
        open_cells = rng.random((size, size)) < 0.65
        start, goal = (int(cell) for cell in rng.choice(np.flatnonzero(open_cells), 2))
        path = np.zeros(size * size, np.int64)
        length = shortest_path(open_cells, start, goal, path)
        distance = np.full((size, size), np.inf)  # by relaxation, until nothing changes
        distance[start // size, start % size] = 0
        for _ in range(size * size):
            padded = np.pad(distance, 1, constant_values=np.inf)
            near = np.minimum.reduce([padded[2:, 1:-1], padded[:-2, 1:-1], padded[1:-1, 2:], padded[1:-1, :-2]])
            distance = np.where(open_cells, np.minimum(distance, near + 1), np.inf)
        expected = distance[goal // size, goal % size]
        assert length == (0 if np.isinf(expected) else expected + 1)
        if length:
            cells = path[:length]
            assert (cells[0], cells[-1]) == (start, goal)
            assert open_cells.ravel()[cells].all()
            steps = np.abs(np.diff(cells // size)) + np.abs(np.diff(cells % size))
            assert (steps == 1).all()


def test_is_clear_minds_the_width_of_the_body():
    open_cells = np.ones((7, 7), bool)
    open_cells[3, :4] = False
    assert not is_clear(open_cells, 1.5, 2.5, 5.5, 2.5, 0.3)
    assert is_clear(open_cells, 1.5, 4.5, 5.5, 4.5, 0.3)
    assert not is_clear(open_cells, 1.5, 4.2, 5.5, 4.2, 0.3)
