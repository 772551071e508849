"""One world and a batch: Gymnasium's interface, the same episodes either way, states and arguments."""

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stepping import actions_for

from simcore.worlds import LEVELS, WorldEnv, make_vector

SMALL = {"size": 11, "frame_size": 16, "episode_length": 7}


def assert_same(a, b):
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    else:
        np.testing.assert_array_equal(a, b)


def roll(env, actions, seed=None):
    """Reset and take the actions `[T, B]`; return frames, rewards, flags and info of every step."""
    frames, info = env.reset(seed=seed)
    zeros = np.zeros(len(frames))
    steps = [(frames, zeros, zeros.astype(bool), zeros.astype(bool), info)]
    steps.extend(env.step(action) for action in actions)
    return steps


@pytest.mark.parametrize("level", LEVELS)
def test_gymnasium_finds_nothing_to_complain_of(level):
    env = gymnasium.make(f"simcore/{level}-v0", size=11, frame_size=16, render_mode="rgb_array")
    check_env(env.unwrapped)
    env.close()


def test_registered_for_make_and_make_vec():
    env = gymnasium.make("simcore/RandomCity-v0", size=9, frame_size=32)
    assert env.reset(seed=0)[0].shape == (32, 32, 3)
    worlds = gymnasium.make_vec(
        "simcore/RandomCity-v0", num_envs=3, vectorization_mode="vector_entry_point", size=9, frame_size=16
    )
    assert worlds.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    frames, _ = worlds.reset(seed=0)
    assert worlds.observation_space.contains(frames)
    assert worlds.action_space.contains(worlds.action_space.sample())


@pytest.mark.parametrize(
    ("level", "map_frame"), [*((level, "start") for level in LEVELS), ("RandomCity", "world"), ("HighFood", "ego")]
)
def test_single_and_batched_are_the_same_bit_for_bit(level, map_frame):
    worlds = make_vector(level, 3, map_frame=map_frame, **SMALL)
    actions = actions_for(worlds, 20)
    batched = roll(worlds, actions, seed=5)
    for index in range(3):
        env = WorldEnv(level, map_frame=map_frame, **SMALL)
        frame, info = env.reset(seed=5 + index)
        over = False
        for t, (frames, rewards, terminated, truncated, infos) in enumerate(batched):
            if t > 0:
                if over:  # the step that begins the next episode ignores its action
                    frame, info = env.reset()
                    reward, over = 0.0, False
                else:
                    frame, reward, ended, cut, info = env.step(actions[t - 1, index])
                    assert (ended, cut) == (terminated[index], truncated[index])
                    over = ended or cut
                assert reward == rewards[index]
            assert_same(frame, frames[index])
            assert_same(info, {key: array[index] for key, array in infos.items() if not key.startswith("_")})


def test_sync_vector_env_of_gymnasium_agrees():
    ours = make_vector("RandomCity", 2, **SMALL)
    theirs = gymnasium.make_vec("simcore/RandomCity-v0", num_envs=2, vectorization_mode="sync", **SMALL)
    actions = actions_for(ours, 18)
    for mine, other in zip(roll(ours, actions, seed=1), roll(theirs, actions, seed=1), strict=True):
        for a, b in zip(mine[:4], other[:4], strict=True):
            assert_same(a, b)


def test_batch_size_changes_nothing():
    wide, narrow = (make_vector("RandomCity", count, **SMALL) for count in (5, 2))
    actions = actions_for(wide, 20)
    for a, b in zip(roll(wide, actions, seed=9), roll(narrow, actions[:, :2], seed=9), strict=True):
        for one, other in zip(a[:4], b[:4], strict=True):
            assert_same(one[:2], other)
        assert_same({key: array[:2] for key, array in a[4].items()}, b[4])


def test_reset_takes_a_seed_for_each():
    worlds = make_vector("RandomCity", 3, **SMALL)
    frames, _ = worlds.reset(seed=[7, 7, 8])
    assert_same(frames[0], frames[1])
    assert (frames[0] != frames[2]).any()
    before = frames[0]
    frames, _ = worlds.reset(seed=[None, 7, 8])
    assert_same(frames[1], before)
    assert (frames[0] != before).any()  # its generator went on
    with pytest.raises(ValueError, match="2 seeds for 3 environments"):
        worlds.reset(seed=[1, 2])


def test_first_episodes_may_begin_part_way_to_their_time_limit():
    env = make_vector("RandomCity", 3, **SMALL)
    frames, info = env.reset(seed=5, options={"elapsed": [0, 3, 6]})
    fresh, fresh_info = make_vector("RandomCity", 3, **SMALL).reset(seed=5)
    assert_same(frames, fresh)
    assert_same(info, fresh_info)
    ends = [env.step(action)[3] for action in actions_for(env, 2 * SMALL["episode_length"] + 2)]
    # Seven steps an episode, and one that begins the next: they stay as far apart as they began.
    assert [np.flatnonzero(column).tolist() for column in np.transpose(ends)] == [[6, 14], [3, 11], [0, 8]]
    env.reset()
    assert not env.episodes.elapsed.any()


@pytest.mark.parametrize("elapsed", [[0, 0], [0, -1, 0], [0, 0, 7], 3])
def test_episodes_do_not_begin_beyond_their_time_limit(elapsed):
    env = make_vector("RandomCity", 3, **SMALL)
    with pytest.raises(ValueError, match="it must be 3 numbers of steps from 0 to 6"):
        env.reset(options={"elapsed": elapsed})
    assert not env.episode_count.any()


def test_next_step_autoreset():
    worlds = make_vector("RandomCity", 2, size=11, frame_size=16, episode_length=3)
    _, info = worlds.reset(seed=0)
    first_map = info["map"]
    forward = np.zeros(2, np.int64)
    for _ in range(2):
        assert not worlds.step(forward)[3].any()
    _, _, terminated, truncated, info = worlds.step(forward)
    assert truncated.all()
    assert not terminated.any()
    assert_same(info["map"], first_map)
    _, rewards, terminated, truncated, info = worlds.step(forward)
    assert not (terminated | truncated).any()
    assert not rewards.any()
    assert (info["map"] != first_map).any()
    np.testing.assert_array_equal(info["pose"][:, :4], [[5.5, 5.5, 1.0, 0.0]] * 2)  # the action was ignored


def test_observations_may_be_kept_unless_copy_is_off():
    worlds = make_vector("RandomCity", 1, **SMALL)
    frames, info = worlds.reset(seed=0)
    kept, pose = frames.copy(), info["pose"].copy()
    worlds.step(np.array([1]))
    assert_same(frames, kept)
    assert_same(info["pose"], pose)
    sharing = make_vector("RandomCity", 1, copy=False, **SMALL)
    frames, _ = sharing.reset(seed=0)
    assert sharing.step(np.array([1]))[0] is frames


def test_state_continues_bit_for_bit():
    worlds = make_vector("RandomCity", 3, **SMALL)
    actions = actions_for(worlds, 30)
    roll(worlds, actions[:7], seed=3)  # up to an end, so that the state holds a pending restart
    state = worlds.get_state()
    assert all(array.dtype.kind in "biuf" for array in state.values())
    frames, info = worlds.observe()
    expected = [worlds.step(action) for action in actions]
    other = make_vector("RandomCity", 3, **SMALL)
    other.set_state(state)
    assert_same(other.observe()[0], frames)
    assert_same(other.observe()[1], info)
    for action, step in zip(actions, expected, strict=True):
        for a, b in zip(other.step(action), step, strict=True):
            assert_same(a, b)


def test_state_is_checked():
    worlds = make_vector("RandomCity", 2, **SMALL)
    worlds.reset(seed=0)
    state = worlds.get_state()
    with pytest.raises(ValueError, match=r"missing \['last_seen'\], unknown \['sene'\]"):
        worlds.set_state({"sene" if key == "last_seen" else key: array for key, array in state.items()})
    with pytest.raises(ValueError, match=r"state\['motion'\] is float64 \(1, 4\); it must be"):
        worlds.set_state({**state, "motion": state["motion"][:1]})
    with pytest.raises(ValueError, match=r"state\['elapsed'\] is float64"):
        worlds.set_state({**state, "elapsed": state["elapsed"].astype(float)})


def test_fresh_state_can_be_restored_and_then_reset():
    worlds = make_vector("RandomCity", 2, **SMALL)
    other = make_vector("RandomCity", 2, **SMALL)
    other.set_state(worlds.get_state())
    assert_same(worlds.reset()[0], other.reset()[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 4}, "size is 4; allowed are 5 to 255 cells"),
        ({"size": 6}, "size is 6; a city needs 7 to 255 cells"),
        ({"frame_size": 3}, "frame_size is 3"),
        ({"episode_length": 0}, "episode_length is 0; allowed are 1 to 1000000000 steps"),
        ({"speed": 1.5}, "speed is 1.5"),
        ({"speed": float("nan")}, "speed must be a finite number, not nan"),
        ({"turn_angle": 25}, "turn_angle is 25; it must divide 360"),
        ({"turn_angle": 0}, "turn_angle is 0"),
        ({"field_of_view": 170}, "field_of_view is 170"),
        ({"map_frame": "agent"}, "map_frame is 'agent'; allowed are start, world, ego"),
        ({"buildings": (5, 2)}, "buildings is \\(5, 2\\); it must be two numbers"),
        ({"heights": (0, 2)}, "heights is \\(0, 2\\)"),
        ({"num_envs": 0}, "num_envs is 0"),
        ({"render_mode": "human"}, "render_mode is 'human'"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_vector("RandomCity", **{"num_envs": 1, **arguments})


def test_unknown_level_and_argument():
    with pytest.raises(ValueError, match=r"unknown level 'Atlantis'; known are: .*Food, .*RandomCity"):
        make_vector("Atlantis", 1)
    with pytest.raises(TypeError, match="sise"):
        make_vector("RandomCity", 1, sise=9)


def test_misuse_is_told():
    worlds = make_vector("RandomCity", 2, **SMALL)
    with pytest.raises(ResetNeeded):
        worlds.step(np.zeros(2, int))
    worlds.reset(seed=0)
    with pytest.raises(ValueError, match="allowed are 0 to 4"):
        worlds.step(np.array([0, 5]))
    with pytest.raises(ValueError, match="integers of shape"):
        worlds.step(np.zeros(3, int))
    with pytest.raises(ValueError, match="integers of shape"):
        worlds.step(np.zeros(2))
    env = WorldEnv("RandomCity", size=9, frame_size=8, episode_length=1)
    env.reset(seed=0)
    env.step(0)
    with pytest.raises(ResetNeeded):
        env.step(0)


def test_render_gives_the_frames():
    worlds = make_vector("RandomCity", 2, render_mode="rgb_array", **SMALL)
    frames, _ = worlds.reset(seed=0)
    rendered = worlds.render()
    assert len(rendered) == 2
    assert_same(rendered[1], frames[1])
    assert make_vector("RandomCity", 1, **SMALL).render() is None
