"""Gymnasium's wrappers of vector environments do with both of ours what they do with its own."""

import importlib
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import VectorEnv
from gymnasium.wrappers import vector as wrappers
from vectors import KINDS, B, actions, ours, synchronous

from simcore.worlds import LEVELS


def to_float(frames: np.ndarray) -> np.ndarray:
    return frames.astype(np.float32) / 255


UNIT = Box(0, 1, (16, 16, 3), np.float32)
WRAPPERS: dict[str, dict[str, Any]] = {
    "RecordEpisodeStatistics": {},
    "DictInfoToList": {},
    "TransformObservation": {"func": to_float, "single_observation_space": UNIT},
    "VectorizeTransformObservation": {
        "wrapper": gymnasium.wrappers.TransformObservation,
        "func": to_float,
        "observation_space": UNIT,
    },
    "FlattenObservation": {},
    "GrayscaleObservation": {"keep_dim": True},
    "ReshapeObservation": {"shape": (16, 48)},
    "DtypeObservation": {"dtype": np.float32},
    "NormalizeObservation": {},
    "TransformAction": {"func": lambda actions: actions % 2, "action_space": None},
    "VectorizeTransformAction": {
        "wrapper": gymnasium.wrappers.TransformAction,
        "func": lambda action: np.int64(1 - action),
        "action_space": Discrete(2),
    },
    "TransformReward": {"func": lambda rewards: 2 * rewards},
    "VectorizeTransformReward": {"wrapper": gymnasium.wrappers.TransformReward, "func": lambda reward: reward + 1},
    "ClipReward": {"min_reward": 0.0, "max_reward": 0.5},
    "NormalizeReward": {},
}


def wrap(name: str, envs: VectorEnv) -> VectorEnv:
    arguments = dict(WRAPPERS[name])
    if arguments.get("action_space", 0) is None:
        arguments["action_space"] = envs.action_space
    return getattr(wrappers, name)(envs, **arguments)


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrappers_of_gymnasium_do_what_they_do_on_its_own(name: str) -> None:
    expected = wrap(name, synchronous())
    results = [expected.reset(seed=3), *(expected.step(action % 2) for action in actions(9))]
    for make in (KINDS["ours"], KINDS["gym"]):
        envs = wrap(name, make())
        assert envs.observation_space == expected.observation_space
        assert envs.action_space == expected.action_space
        for index, action in enumerate([None, *actions(9) % 2]):
            mine = envs.reset(seed=3) if action is None else envs.step(action)
            compare(mine, results[index])
        envs.close()


def compare(mine: tuple[Any, ...], theirs: tuple[Any, ...]) -> None:
    """Check that all but info is equal, and of that what is told: the targets, and the statistics of an episode."""
    *results, info = mine
    *expected, told = theirs
    for one, other in zip(results, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    if isinstance(info, list):  # of DictInfoToList
        for one, other in zip(info, told, strict=True):
            assert one["cell"] == other["cell"]
            np.testing.assert_array_equal(one["map"], other["map"])
            assert not any(key.startswith("_") for key in one)
        return
    np.testing.assert_array_equal(info["pose"], told["pose"])
    assert ("episode" in info) == ("episode" in told)
    for key in ("r", "l") if "episode" in info else ():
        np.testing.assert_array_equal(info["episode"][key], told["episode"][key])
        np.testing.assert_array_equal(info["_episode"], told["_episode"])


def test_statistics_of_episodes_that_a_mask_restarts_begin_anew() -> None:
    for make in (KINDS["ours"], KINDS["gym"]):
        envs = wrappers.RecordEpisodeStatistics(make())
        envs.reset(seed=0)
        envs.step(np.zeros(B, np.int64))
        envs.reset(options={"reset_mask": np.array([False, True, False])})
        lengths = [envs.step(np.zeros(B, np.int64))[-1].get("episode", {}).get("l", np.zeros(B)) for _ in range(4)]
        assert np.array(lengths).tolist() == [[0, 0, 0], [0, 0, 0], [4, 0, 4], [0, 4, 0]]
        envs.close()


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_takes_wrappers(level: str) -> None:
    listed = wrappers.DictInfoToList(ours(level))
    envs: Any = wrappers.ClipReward(wrappers.FlattenObservation(ours(level)), max_reward=0.5)
    envs = wrappers.RecordEpisodeStatistics(envs)
    assert envs.spec.id == f"simcore/{level}-v0"
    envs.reset(seed=0)
    envs.action_space.seed(0)
    told = listed.reset(seed=0)[1]
    lengths: list[int] = []
    for _ in range(6):
        assert [set(each) for each in told] == [{"pose", "heading_index", "cell", "map", "seen", "since_seen"}] * B
        chosen = envs.action_space.sample()
        *_, told = listed.step(chosen)
        frames, rewards, terminated, truncated, info = envs.step(chosen)
        assert frames.shape == (B, 16 * 16 * 3)
        assert (rewards <= 0.5).all()
        assert ("episode" in info) == (terminated | truncated).any()
        lengths += info["episode"]["l"][info["_episode"]].tolist() if "episode" in info else []
    assert max(lengths) <= 4
    assert len(lengths) >= B


def test_frames_become_tensors() -> None:
    torch = pytest.importorskip("torch")
    try:
        convert = importlib.import_module("gymnasium.wrappers.vector.numpy_to_torch").NumpyToTorch
    except ImportError:  # this version's converter is an extra
        pytest.skip("Gymnasium's converter wants array-api-compat")
    for make in (KINDS["ours"], KINDS["gym"]):
        plain, envs = make(), convert(make())
        expected, _ = plain.reset(seed=0)
        frames, info = envs.reset(seed=0)
        assert torch.equal(frames, torch.from_numpy(expected))
        assert bool(info["_pose"].all())
        frames, *_ = envs.step(torch.zeros(B, dtype=torch.int64))
        assert torch.equal(frames, torch.from_numpy(plain.step(np.zeros(B, np.int64))[0]))
