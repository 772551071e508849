"""Other people's environments, shown on a small one that is made and registered here."""

import multiprocessing
import os
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from simcore.common.user_code import UserCodeError
from simcore.worlds import make_vector
from simcore.worlds.api import WorldsLostError
from simcore.worlds.gym import GymConfig, GymVectorEnv, is_gym_id
from simcore.worlds.gym.frames import find_picture, make_frame

LAMPS = "LampsTest-v0"


class Lamps(gymnasium.Env):
    """A wall of lamps, 8 x 12, lit at random; an episode lasts 3 to 5 steps. The reward is the action's number."""

    observation_space = Box(0, 255, (8, 12, 3), np.uint8)

    def __init__(self, first_action=0, actions=4, pixels="image"):
        self.action_space = Discrete(actions, start=first_action)
        self.first_action = first_action
        if pixels == "dict":
            self.observation_space = Dict({"lamps": Lamps.observation_space, "clock": Box(0, 1, (2,))})

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = int(self.np_random.integers(3, 6))
        return self.look(), {"left": self.left}

    def step(self, action):
        assert self.action_space.contains(action)
        self.left -= 1
        return self.look(), float(action), self.left == 0, False, {"left": self.left}

    def look(self):
        lamps = self.np_random.integers(0, 256, (8, 12, 3)).astype(np.uint8)
        return {"lamps": lamps, "clock": np.zeros(2, np.float32)} if isinstance(self.observation_space, Dict) else lamps


class Named(gymnasium.Wrapper):
    action_names = ("north", "east", "south", "west")


class Breaking(gymnasium.Wrapper):
    """Fails, or ends its whole process, where the action is 2 or 3."""

    def step(self, action):
        if action == 3:
            os._exit(7)
        if action == 2:
            raise KeyError("lamp")
        return super().step(action)


class Turning(gymnasium.Wrapper):
    def __init__(self, env):
        super().__init__(env)
        self.action_space = MultiDiscrete([2, 2])


@pytest.fixture(autouse=True, scope="module")
def registered():
    gymnasium.register(LAMPS, entry_point=f"{__name__}:Lamps")
    yield
    del gymnasium.registry[LAMPS]


def make(num_envs=2, env_id=LAMPS, **config):
    return GymVectorEnv(env_id, num_envs, config=GymConfig(**{"frame_size": 8, **config}))


def roll(worlds, steps, seed=None):
    """Reset and take random actions; return frames, rewards and flags of every step."""
    frames, _ = worlds.reset(seed=seed)
    rng = np.random.default_rng(0)
    results = [(frames.copy(), np.zeros(worlds.num_envs), np.zeros(worlds.num_envs, bool), frames[:, 0, 0, 0] < 0)]
    for _ in range(steps):
        frames, *rest, _ = worlds.step(rng.integers(0, worlds.single_action_space.n, worlds.num_envs))
        results.append((frames.copy(), *rest))
    return results


def assert_same(left, right):
    for one, other in zip(left, right, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype


def test_our_own_worlds_through_gymnasium_are_the_same_as_directly():
    ours = make_vector("RandomCity", 3, size=9, frame_size=16, episode_length=4)
    theirs = make(
        3, "simcore/RandomCity-v0", frame_size=16, make_kwargs=("size=9", "frame_size=16", "episode_length=4")
    )
    assert theirs.action_names == ours.action_names
    assert theirs.metadata["autoreset_mode"] is ours.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    for name in ("single_observation_space", "observation_space", "single_action_space", "action_space"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert_same(roll(ours, 13, seed=3), roll(theirs, 13, seed=3))
    np.testing.assert_array_equal(ours.episode_count, theirs.episode_count)


@pytest.mark.parametrize("processes", [0, 2])
def test_episodes_are_those_of_gymnasium(processes):
    plain = SyncVectorEnv([lambda: gymnasium.make(LAMPS)] * 2)
    batch = make(processes=processes)
    for mine, other in zip(roll(batch, 20, seed=5), roll(plain, 20, seed=5), strict=True):
        np.testing.assert_array_equal(mine[0], [make_frame(each, batch_picture(), 8) for each in other[0]])
        for a, b in zip(mine[1:], other[1:], strict=True):
            np.testing.assert_array_equal(a, b)
    batch.close()


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (
            2,
            UserCodeError,
            "LampsTest-v0 in .*Breaking: its step failed: KeyError: 'lamp' .*test_gym.py:.*in Breaking.step",
        ),
        (3, WorldsLostError, "environments 1 to 2 are gone: its process ended with exit code 7"),
    ],
)
def test_an_error_in_a_process_is_raised_with_its_traceback(action, error, message):
    worlds = make(3, processes=2, wrappers=(f"{__name__}:Breaking",))
    worlds.reset(seed=0)
    np.testing.assert_array_equal(worlds.step(np.array([0, 1, 1]))[1], [0.0, 1.0, 1.0])
    assert multiprocessing.active_children()
    with pytest.raises(error, match=message) as caught:
        worlds.step(np.array([0, 1, action]))
    assert action == 3 or "in step\n    raise KeyError" in str(caught.value.__cause__)
    worlds.close()
    assert not multiprocessing.active_children()


def test_the_environment_that_works_is_named():
    worlds = make(3)
    worlds.reset(seed=0)
    worlds.step(np.zeros(3, int))
    assert worlds.busy_with == "environment 2", "the last of the batch"
    assert not worlds.abandon(), "it works in this very process"


def test_what_cannot_be_made_in_a_process_is_said_as_elsewhere():
    with pytest.raises(ValueError, match=r"^LampsTest-v0: .*unexpected keyword argument 'lamps'"):
        make(processes=2, make_kwargs=("lamps=3",))
    assert not multiprocessing.active_children()


def batch_picture():
    return find_picture(Lamps.observation_space)


def test_step_after_the_end_ignores_its_action_and_begins_anew():
    worlds = make(1)
    worlds.reset(seed=0)
    over = False
    for _ in range(20):
        before = over
        count = worlds.episode_count[0]
        _, rewards, terminated, truncated, info = worlds.step(np.array([3]))
        assert rewards[0] == (0.0 if before else 3.0)
        assert rewards.dtype == np.float64
        assert worlds.episode_count[0] == count + before
        assert not (before and (terminated | truncated)[0])
        assert info == {}
        over = (terminated | truncated)[0]
    assert worlds.episode_count[0] > 2


def test_each_environment_has_its_own_seed():
    worlds = make(3)
    frames, _ = worlds.reset(seed=7)
    again, _ = worlds.reset(seed=[9, None, 7])
    np.testing.assert_array_equal(frames[0], again[2])
    np.testing.assert_array_equal(frames[2], again[0])
    assert (frames[1] != again[1]).any()
    assert (frames[0] != frames[1]).any()
    with pytest.raises(ValueError, match="2 seeds for 3 environments"):
        worlds.reset(seed=[1, 2])
    worlds.reset(seed=2**48)  # as large as those of a run


def test_frames_may_be_kept():
    worlds = make()
    frames, _ = worlds.reset(seed=0)
    kept = frames.copy()
    later, rewards, *_ = worlds.step(np.array([1, 2]))
    np.testing.assert_array_equal(frames, kept)
    np.testing.assert_array_equal(later, worlds.observe()[0])
    worlds.step(np.array([0, 0]))
    np.testing.assert_array_equal(rewards, [1.0, 2.0])
    worlds = GymVectorEnv(LAMPS, 1, copy=False)
    frames, _ = worlds.reset(seed=0)
    assert worlds.step(np.array([1]))[0] is frames


def test_time_is_taken():
    worlds = make()
    worlds.reset(seed=0)
    before = worlds.seconds["step"]
    worlds.step(np.array([1, 2]))
    assert worlds.seconds["step"] > before > 0


def test_resumed_worlds_begin_new_episodes_always_the_same():
    worlds = make()
    seen = [frames for frames, *_ in roll(worlds, 9, seed=1)]
    state = worlds.get_state()
    resumed = []
    for _ in range(2):
        other = make()
        other.set_state(state)
        np.testing.assert_array_equal(other.episode_count, state["episode_count"] + 1)
        frames, info = other.observe()
        assert info == {}
        assert not any((frames == before).all(axis=(1, 2, 3)).any() for before in seen)
        actions = np.array([1, 1])
        resumed.append([(frames,), *(other.step(actions)[:4] for _ in range(8))])
    assert_same(*resumed)
    later = make()
    later.set_state(other.get_state())  # resumed again, later: other episodes
    assert (later.observe()[0] != resumed[0][0][0]).any()


def test_state_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="missing"):
        make().set_state({})
    with pytest.raises(ValueError, match=r"state\['episode_count'\]"):
        make(2).set_state(make(3).get_state())
    fresh = make()
    fresh.set_state(make().get_state())
    with pytest.raises(ResetNeeded):
        fresh.step(np.array([0, 0]))


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0], r"int64 \(1,\); they must be integers of shape \(2,\)"),
        ([0.0, 1.0], "float64"),
        ([0, 4], "allowed are 0 to 3"),
        ([-1, 0], "allowed are 0 to 3"),
    ],
)
def test_bad_actions(actions, message):
    worlds = make()
    worlds.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        worlds.step(np.array(actions))


def test_actions_are_counted_from_0_and_named_where_they_have_names():
    worlds = make(make_kwargs=("first_action=3",))
    assert worlds.action_names == ("action_0", "action_1", "action_2", "action_3")
    worlds.reset(seed=0)
    np.testing.assert_array_equal(worlds.step(np.array([0, 3]))[1], [3.0, 6.0])
    named = {"wrappers": (f"{__name__}:Named",)}
    assert make(**named).action_names == ("north", "east", "south", "west")
    assert make(**named, make_kwargs=("actions=2",)).action_names == ("action_0", "action_1")


def test_episode_length_and_repeat():
    worlds = make(1, episode_length=2)
    flags = [(bool(terminated[0]), bool(truncated[0])) for _, _, terminated, truncated in roll(worlds, 5, seed=0)]
    assert flags == [(False, False), (False, False), (False, True)] * 2
    worlds = make(1, repeat=2)
    worlds.reset(seed=0)
    assert worlds.step(np.array([3]))[1] == [6.0]
    rewards = [6.0, *(float(worlds.step(np.array([3]))[1][0]) for _ in range(8))]
    assert set(rewards) <= {0.0, 3.0, 6.0}
    assert 3.0 in rewards  # an odd episode's end cuts the repetition


def test_entry_of_a_dict_is_found():
    for observation in ("auto", "lamps"):
        frames, _ = make(make_kwargs=("pixels=dict",), observation=observation).reset(seed=4)
        np.testing.assert_array_equal(frames, make().reset(seed=4)[0])


@pytest.mark.parametrize(
    ("env_id", "config", "message"),
    [
        ("LampsTest-v1", {}, "there is no environment LampsTest-v1: "),
        ("Lmaps-v0", {}, "there is no environment Lmaps-v0: "),
        ("not an id", {}, "there is no environment not an id: Malformed environment ID"),
        ("no_such_package:Lamps-v0", {}, "there is no module no_such_package"),
        (LAMPS, {"make_kwargs": ("lamps=3",)}, "LampsTest-v0: .*unexpected keyword argument 'lamps'"),
        (
            LAMPS,
            {"wrappers": ("no_such_package:Lamp",)},
            "cannot import the wrapper no_such_package:Lamp: there is no module",
        ),
        (LAMPS, {"wrappers": (f"{__name__}:Lamp",)}, "there is no wrapper .*:Lamp': the module .* has no Lamp"),
        (
            LAMPS,
            {"wrappers": (f"{__name__}:Turning",)},
            r"actions are MultiDiscrete\(\[2 2\]\); allowed is Discrete",
        ),
        ("Pendulum-v1", {}, r"Pendulum-v1: the observation Box\(.*\) is no image"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_line(env_id, config, message):
    with pytest.raises(ValueError, match=message) as caught:
        make(env_id=env_id, **config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("env_id", "module", "message"),
    [
        ("MiniGrid-Empty-5x5-v0", "minigrid", r"needs minigrid, .*: pip install 'simcore\[minigrid\]'"),
        ("VizdoomBasic-v1", "vizdoom", r"needs vizdoom.*, .*: pip install 'simcore\[vizdoom\]'"),
        ("ALE/Pong-v5", "ale_py", "needs ale_py, .*: pip install ale-py"),
        ("DeepMindLab-v0", "deepmind_lab", "needs deepmind_lab, .*: docs/gym.md"),
    ],
)
def test_missing_package_is_named(monkeypatch, env_id, module, message):
    pytest.importorskip("shimmy")
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "simcore.worlds.gym.lab", raising=False)
    with pytest.raises(ValueError, match=message):
        make(env_id=env_id)


def test_no_environments():
    with pytest.raises(ValueError, match="num_envs is 0"):
        make(0)


def test_ids_are_told_from_levels():
    for name in ("MiniGrid-Empty-5x5-v0", "ALE/Pong-v5", "package:Lamps-v0"):
        assert is_gym_id(name)
    assert not is_gym_id("RandomCity")
