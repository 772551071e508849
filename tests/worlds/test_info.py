"""What a world tells beside its frames: pose, cell and heading, what was seen when, food, and maps in each frame."""

import numpy as np
import pytest
from stepping import actions_for

from simcore.worlds import Action, Level, LevelConfig, World, WorldEnv, make_vector
from simcore.worlds.voxel.grid import FOOD, GROUND, KINDS, WALL
from simcore.worlds.voxel.levels.base import register_level


class MeadowConfig(LevelConfig):
    height = 4


def meadow(config, episode_seed):
    """Two pieces of food in a row, and a start off the middle with a heading to the right."""
    blocks = np.zeros((config.size, config.size, config.height), np.uint8)
    blocks[:, :, 0] = GROUND
    blocks[5, 3, 1] = blocks[6, 3, 1] = FOOD
    blocks[0, 0, 1:] = WALL
    return World(blocks, spawn=(3.5, 3.5, 1.0), heading=4)


@pytest.fixture
def meadow_level(monkeypatch):
    actions = (Action("forward", walk=1), Action("turn_right", turn=1), Action("look_up", look=1))
    register_level(Level("Meadow", MeadowConfig, actions, meadow))
    return "Meadow"


def test_pose_cell_and_heading():
    worlds = make_vector("RandomCity", 1, size=11, frame_size=8)
    _, info = worlds.reset(seed=0)
    np.testing.assert_array_equal(info["pose"], [[5.5, 5.5, 1.0, 0.0, 0.0]])
    assert info["cell"] == [5 * 11 + 5]
    _, _, _, _, info = worlds.step(np.array([worlds.action_names.index("turn_left")]))
    assert info["heading_index"] == [15]
    np.testing.assert_allclose(info["pose"][0, 3], 15 * np.pi / 8, rtol=1e-6)
    _, _, _, _, info = worlds.step(np.array([worlds.action_names.index("forward_right")]))
    np.testing.assert_allclose(info["pose"][0, :2], [5.5, 5.0])  # turned back to up, then walked
    assert info["cell"] == [5 * 11 + 5]


def test_off_the_map_there_is_no_cell():
    worlds = make_vector("Food", 8, frame_size=8)
    _, info = worlds.reset(seed=0)
    size, cells = info["map"].shape[1], []
    for action in actions_for(worlds, 300):
        _, _, _, _, info = worlds.step(action)
        column, row = np.floor(info["pose"][:, :2]).astype(int).T
        is_on_map = (np.minimum(column, row) >= 0) & (np.maximum(column, row) < size)
        np.testing.assert_array_equal(info["cell"], np.where(is_on_map, row * size + column, -1))
        cells.extend(info["cell"])
    assert 0.1 < np.mean(np.array(cells) == -1) < 0.7


def test_pitch_is_that_of_the_picture():
    worlds = make_vector("HighFood", 1, size=9, frame_size=8)
    worlds.reset(seed=0)
    down, up = (np.array([worlds.action_names.index(name)]) for name in ("look_down", "look_up"))
    pitches = [np.rad2deg(worlds.step(action)[-1]["pose"][0, 4]) for action in [*[down] * 5, *[up] * 7]]
    expected = [-22.5, -45, -67.5, -89, -89, -67.5, -45, -22.5, 0, 22.5, 45, 45]
    np.testing.assert_allclose(pitches, expected, rtol=1e-6)


def test_seen_grows_within_an_episode_and_begins_anew():
    worlds = make_vector("RandomCity", 4, size=15, frame_size=24, episode_length=40)
    _, info = worlds.reset(seed=2)
    seen = info["seen"]
    assert 0 < seen.mean() < 0.7
    for action in actions_for(worlds, 40):
        _, _, _, truncated, info = worlds.step(action)
        assert (info["seen"] >= seen).all()
        seen = info["seen"]
    assert truncated.all()
    _, _, _, _, info = worlds.step(np.zeros(4, int))
    assert info["seen"].sum() < seen.sum()


def test_since_seen_counts_the_steps_from_the_last_frame_that_showed_a_cell():
    worlds = make_vector("RandomCity", 4, size=15, frame_size=24, episode_length=30)
    _, info = worlds.reset(seed=2)
    expected = np.where(info["seen"], 0, -1)
    longest = 0
    for step, action in enumerate(actions_for(worlds, 70), start=1):
        _, _, _, _, info = worlds.step(action)
        # A world that has seen nothing, put into the same place, tells what the present frame alone shows.
        shown = worlds.get_state()
        shown["last_seen"][:] = -1
        blind = make_vector("RandomCity", 4, size=15, frame_size=24, episode_length=30)
        blind.set_state(shown)
        visible = blind.observe()[1]["seen"]
        before = np.full_like(expected, -1) if step % 31 == 0 else np.where(expected >= 0, expected + 1, -1)
        expected = np.where(visible, 0, before)
        np.testing.assert_array_equal(info["since_seen"], expected)
        np.testing.assert_array_equal(info["seen"], expected >= 0)
        longest = max(longest, expected.max())
        worlds.set_state(worlds.get_state())
        np.testing.assert_array_equal(worlds.observe()[1]["since_seen"], expected)
    assert longest > 5, "the test wants cells out of sight"


def test_food_is_rewarded_and_the_last_ends_the_episode(meadow_level):
    env = WorldEnv(meadow_level, size=9, frame_size=8)
    _, info = env.reset(seed=0)
    yellow = KINDS[FOOD].colour
    assert (info["map"] == yellow).all(-1).sum() == 2
    rewards, ended = [], []
    for _ in range(6):
        _, reward, terminated, truncated, info = env.step(0)
        assert not truncated
        rewards.append(reward)
        ended.append(terminated)
        if terminated:
            break
    assert sum(rewards) == 2.0
    assert ended == [False] * (len(ended) - 1) + [True]
    assert not (info["map"] == yellow).all(-1).any()  # the map follows the grid


def test_food_that_is_eaten_up_at_the_time_limit_ends_the_episode_by_itself(meadow_level):
    """Which is worth nothing from there on, unlike an episode that is stopped."""

    def play(episode_length):
        env = WorldEnv(meadow_level, size=9, frame_size=8, episode_length=episode_length)
        env.reset(seed=0)
        steps = [env.step(0)[2:4]]
        while not any(steps[-1]):
            steps.append(env.step(0)[2:4])
        return steps

    whole = play(100)
    assert whole[-1] == (True, False)
    assert play(len(whole)) == whole
    assert play(len(whole) - 1)[-1] == (False, True)


def test_start_frame_of_a_turned_start_off_the_middle(meadow_level):
    kwargs = {"size": 9, "frame_size": 8}
    envs = {frame: WorldEnv(meadow_level, map_frame=frame, **kwargs) for frame in ("start", "world")}
    info = {frame: env.reset(seed=0)[1] for frame, env in envs.items()}
    yellow = KINDS[FOOD].colour
    # In the world, the food lies two and three cells to the right of the start; it is heading there.
    assert np.argwhere((info["world"]["map"] == yellow).all(-1)).tolist() == [[3, 5], [3, 6]]
    assert np.argwhere((info["start"]["map"] == yellow).all(-1)).tolist() == [[1, 4], [2, 4]]
    # Turned a quarter, the world's (x, y) = (0, 0) is left of and behind the start.
    assert (info["start"]["map"][7, 1] == KINDS[WALL].colour).all()
    assert (info["start"]["map"][8] == 0).all()  # beyond the grid
    assert not info["start"]["seen"][8].any()
    assert info["start"]["cell"] == 4 * 9 + 4
    np.testing.assert_allclose(info["start"]["pose"], [4.5, 4.5, 1.0, 0.0, 0.0])
    _, _, _, _, after = envs["start"].step(0)
    np.testing.assert_allclose(after["pose"], [4.5, 4.0, 1.0, 0.0, 0.0])  # ahead is up


def test_ego_map_keeps_the_agent_in_the_middle_heading_up(meadow_level):
    env = WorldEnv(meadow_level, size=9, frame_size=8, map_frame="ego")
    yellow = KINDS[FOOD].colour
    env.reset(seed=0)
    info = env.step(1)[-1]
    for _ in range(3):
        info = env.step(1)[-1]  # a quarter turn: now the food is on the left
    assert np.argwhere((info["map"] == yellow).all(-1)).tolist() == [[4, 1], [4, 2]]
    assert info["heading_index"] == 4
    assert env.step(2)[-1]["pose"][4] == np.float32(np.pi / 8)
