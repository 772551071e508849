"""MiniGrid, ViZDoom and DeepMind Lab as our worlds; each where its package is installed."""

import sys
from types import ModuleType

import gymnasium
import numpy as np
import pytest

from simcore.worlds.gym import GymConfig, GymVectorEnv


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """ViZDoom makes a folder where it is started."""
    monkeypatch.chdir(tmp_path)


def make(env_id, num_envs=2, **config):
    return GymVectorEnv(env_id, num_envs, config=GymConfig(**config))


def roll(worlds, steps, seed):
    """Reset and take random actions; return the frames and rewards of every step."""
    rng = np.random.default_rng(0)
    frames, rewards = [worlds.reset(seed=seed)[0]], [np.zeros(worlds.num_envs)]
    for _ in range(steps):
        frame, reward, *_ = worlds.step(rng.integers(0, len(worlds.action_names), worlds.num_envs))
        frames.append(frame)
        rewards.append(reward)
    return np.stack(frames), np.stack(rewards)


def assert_repeats(env_id, steps, **config):
    """Check that a batch is determined by its seed, and return its frames `[T, B, H, W, 3]`."""
    batches = [make(env_id, **config) for _ in range(2)]
    (frames, rewards), (again, rewards_again) = (roll(batch, steps, seed=3) for batch in batches)
    np.testing.assert_array_equal(frames, again)
    np.testing.assert_array_equal(rewards, rewards_again)
    assert (frames[0, 0] != frames[0, 1]).any() or (frames[-1, 0] != frames[-1, 1]).any()
    for batch in batches:
        batch.close()
    return frames


def test_minigrid_shows_what_the_agent_sees_in_front_of_it():
    pytest.importorskip("minigrid")
    worlds = make("MiniGrid-Empty-8x8-v0", 1, frame_size=56)
    assert worlds.action_names == ("left", "right", "forward", "pickup", "drop", "toggle", "done")
    frames, _ = worlds.reset(seed=0)
    env = gymnasium.make("MiniGrid-Empty-8x8-v0")
    env.reset(seed=0)
    np.testing.assert_array_equal(frames[0], env.unwrapped.get_frame(tile_size=8, agent_pov=True))
    worlds.step(np.array([1]))
    env.step(1)
    np.testing.assert_array_equal(worlds.observe()[0][0], env.unwrapped.get_frame(tile_size=8, agent_pov=True))


def test_minigrid_split_over_processes_is_the_same():
    pytest.importorskip("minigrid")
    batches = [make("MiniGrid-MemoryS7-v0", 3, frame_size=16, episode_length=12, processes=n) for n in (0, 2)]
    for one, other in zip(*(roll(batch, 40, seed=3) for batch in batches), strict=True):
        np.testing.assert_array_equal(one, other)
    assert batches[0].get_state().keys() == batches[1].get_state().keys()
    for batch in batches:
        batch.close()


def test_minigrid_is_determined_by_its_seed():
    pytest.importorskip("minigrid")
    frames = assert_repeats("MiniGrid-MemoryS7-v0", 30)
    assert frames.shape == (31, 2, 64, 64, 3)


def test_minigrid_seen_from_above_by_another_wrapper():
    pytest.importorskip("minigrid")
    above, front = (
        make("MiniGrid-Empty-5x5-v0", 1, wrappers=wrappers).reset(seed=0)[0]
        for wrappers in (("minigrid.wrappers:RGBImgObsWrapper",), ("auto",))
    )
    assert (above != front).any()


def test_vizdoom_is_determined_by_its_seed():
    pytest.importorskip("vizdoom")
    frames = assert_repeats("VizdoomMyWayHome-v1", 12, frame_size=32, make_kwargs=("frame_skip=4",))
    assert frames.shape == (13, 2, 32, 32, 3)
    assert len(np.unique(frames[0])) > 50  # a picture, not a blank
    assert (frames[0] != frames[-1]).any()


def test_vizdoom_writes_no_settings(tmp_path):
    pytest.importorskip("vizdoom")
    worlds = make("VizdoomBasic-v1", 1)
    worlds.reset(seed=0)
    worlds.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_vizdoom_names_its_buttons_and_ends_its_episodes():
    pytest.importorskip("vizdoom")
    worlds = make("VizdoomBasic-v1", 1, episode_length=3)
    assert worlds.action_names == ("nothing", "attack", "move_right", "move_left")
    worlds.reset(seed=0)
    for _ in range(3):
        _, _, terminated, truncated, _ = worlds.step(np.array([0]))
    assert (terminated | truncated).all()
    frames, rewards, terminated, truncated, _ = worlds.step(np.array([1]))
    assert not (terminated | truncated).any()
    assert rewards == [0.0]
    assert len(np.unique(frames)) > 50
    worlds.close()


def test_vizdoom_with_several_buttons_at_once_has_no_discrete_actions():
    pytest.importorskip("vizdoom")
    with pytest.raises(ValueError, match=r"MultiBinary\(3\); allowed is Discrete"):
        make("VizdoomBasic-MultiBinary-v1")
    worlds = make("VizdoomBasic-MultiBinary-v1", 1, make_kwargs=("max_buttons_pressed=1",))
    assert len(worlds.action_names) == 4
    worlds.close()


class FakeLab:
    """What `deepmind_lab.Lab` promises, for two steps of four frames; it shows the last action's parts as a colour."""

    PARTS = (
        ("LOOK_LEFT_RIGHT_PIXELS_PER_FRAME", -512, 512),
        ("LOOK_DOWN_UP_PIXELS_PER_FRAME", -512, 512),
        ("STRAFE_LEFT_RIGHT", -1, 1),
        ("MOVE_BACK_FORWARD", -1, 1),
        ("FIRE", 0, 1),
        ("JUMP", 0, 1),
        ("CROUCH", 0, 1),
    )

    def __init__(self, level, observations, config, renderer):
        assert (level, observations, renderer) == ("seekavoid_arena_01", ["RGB_INTERLEAVED"], "software")
        self.shape = (int(config["height"]), int(config["width"]), 3)
        self.left = 0
        self.actions = []

    def reset(self, episode=-1, seed=None):
        self.left = 8
        self.colour = 0

    def is_running(self):
        return self.left > 0

    def action_spec(self):
        return [{"name": name, "min": low, "max": high} for name, low, high in self.PARTS]

    def step(self, action, num_steps=1):
        assert action.dtype == np.intc
        assert self.is_running()
        self.actions.append(tuple(action.tolist()))
        self.left -= num_steps
        self.colour += 1
        return float(num_steps)

    def observations(self):
        if not self.is_running():
            raise RuntimeError("Environment in wrong status for call to observations()")
        return {"RGB_INTERLEAVED": np.full(self.shape, self.colour, np.uint8)}

    def close(self):
        return True


@pytest.fixture
def fake_lab(monkeypatch):
    pytest.importorskip("shimmy")
    fake = ModuleType("deepmind_lab")
    fake.Lab = FakeLab
    monkeypatch.setitem(sys.modules, "deepmind_lab", fake)
    monkeypatch.delitem(sys.modules, "simcore.worlds.gym.lab", raising=False)
    yield
    sys.modules.pop("simcore.worlds.gym.lab", None)
    gymnasium.registry.pop("DeepMindLab-v0", None)


@pytest.mark.usefixtures("fake_lab")
def test_deepmind_lab_through_shimmy():
    worlds = make("DeepMindLab-v0", 1, make_kwargs=("level=seekavoid_arena_01",))
    assert worlds.action_names[0] == "forward"
    frames, _ = worlds.reset(seed=0)
    assert frames.shape == (1, 64, 64, 3)
    assert not frames.any()
    look = worlds.action_names.index("forward_look_left")
    frames, rewards, terminated, *_ = worlds.step(np.array([look]))
    assert (frames == 1).all()
    assert rewards == [4.0]
    assert not terminated.any()
    frames, _, terminated, *_ = worlds.step(np.array([0]))
    assert terminated.all()
    assert (frames == 1).all()  # the last that Lab has shown
    frames, rewards, terminated, *_ = worlds.step(np.array([0]))
    assert not frames.any()
    assert rewards == [0.0]
    lab = worlds._envs.envs[0].unwrapped._env.lab
    assert lab.actions == [(-20, 0, 0, 1, 0, 0, 0), (0, 0, 0, 1, 0, 0, 0)]
