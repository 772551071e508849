"""Both vector environments do what Gymnasium's own do: seeds, partial resets, and masks of info."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from vectors import CITY, KINDS, SMALL, B, actions, ours, synchronous, through_gymnasium

from simcore.worlds import WorldEnv

Make = Callable[[], VectorEnv]


@pytest.fixture(scope="module")
def in_processes() -> Iterator[VectorEnv]:
    made = KINDS["processes"]()
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def envs(request: pytest.FixtureRequest) -> VectorEnv:
    """A batch of each kind, to be reset; processes, which take seconds to start, are the same for all tests."""
    return request.getfixturevalue("in_processes") if request.param == "processes" else KINDS[request.param]()


@pytest.fixture
def reference() -> SyncVectorEnv:
    return synchronous()


def assert_same(mine: tuple[Any, ...], theirs: tuple[Any, ...]) -> None:
    """Check what a reset or a step returned; of info, what both tell, where the masks are True."""
    *results, info = mine
    *expected, told = theirs
    for one, other in zip(results, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    keys = [key for key in info if not key.startswith("_")]
    assert keys
    assert set(info) == {*keys, *(f"_{key}" for key in keys)}
    for key in keys:
        np.testing.assert_array_equal(info[f"_{key}"], told[f"_{key}"])
        np.testing.assert_array_equal(info[key][told[f"_{key}"]], told[key][told[f"_{key}"]])


def test_resets_of_some_are_those_of_gymnasium(envs: VectorEnv, reference: SyncVectorEnv) -> None:
    script: list[Any] = [{"seed": 5}, *actions(2), {"seed": [7, None, None], "options": {"reset_mask": [1, 0, 1]}}]
    # Steps 4 and 5 of the second are its last and the one that begins its next episode; a reset may come between.
    script += [*actions(2), {"options": {"reset_mask": [0, 0, 1]}}, *actions(7), {"options": {"reset_mask": [1, 1, 1]}}]
    script += [*actions(6), {"seed": 9}, *actions(5)]
    for each in script:
        if isinstance(each, dict):
            options = {name: np.array(mask, bool) for name, mask in each.get("options", {}).items()}
            given = dict(options)
            mine = envs.reset(seed=each.get("seed"), options=given)
            assert given.keys() == options.keys(), "the caller's options are not changed"
            assert_same(mine, reference.reset(seed=each.get("seed"), options=options))
        else:
            assert_same(envs.step(each), reference.step(each))


def test_a_reset_of_some_leaves_the_others_as_they_are(envs: VectorEnv) -> None:
    envs.reset(seed=0)
    frames, *_, before = envs.step(np.zeros(B, np.int64))
    counts = envs.episode_count.copy()
    again, info = envs.reset(seed=8, options={"reset_mask": np.array([False, True, False])})
    np.testing.assert_array_equal(envs.episode_count - counts, [0, 1, 0])
    np.testing.assert_array_equal(again[[0, 2]], frames[[0, 2]])
    assert (again[1] != frames[1]).any()
    for key in (key for key in info if not key.startswith("_")):
        np.testing.assert_array_equal(info[key][[0, 2]], before[key][[0, 2]], err_msg=key)
        assert info[f"_{key}"].tolist() == [False, True, False]
    assert envs.observe()[1]["_pose"].all()


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([True, False, True], r"reset_mask is \[True, False, True\]; it must be a NumPy array of bool of shape \(3,\)"),
        (np.array([1, 0, 1]), r"reset_mask is int64 \(3,\)"),
        (np.array([True, False]), r"reset_mask is bool \(2,\)"),
        (np.ones((3, 1), bool), r"reset_mask is bool \(3, 1\)"),
        (np.zeros(3, bool), "reset_mask is False everywhere"),
        (None, "reset_mask is None"),
        (True, "reset_mask is True"),
    ],
)
def test_a_mask_that_is_none_is_refused_and_nothing_changes(mask: Any, message: str) -> None:
    for envs in (KINDS["ours"](), KINDS["gym"]()):
        frames, _ = envs.reset(seed=0)
        with pytest.raises(ValueError, match=message) as caught:
            envs.reset(seed=1, options={"reset_mask": mask})
        assert "\n" not in str(caught.value)
        np.testing.assert_array_equal(envs.observe()[0], frames)
        np.testing.assert_array_equal(envs.episode_count, 1)


def test_the_first_reset_is_of_all() -> None:
    for envs in (KINDS["ours"](), KINDS["gym"]()):
        with pytest.raises(ValueError, match="the first reset must begin all of them"):
            envs.reset(options={"reset_mask": np.array([True, False, True])})
        envs.reset(options={"reset_mask": np.ones(B, bool)})
        envs.step(np.zeros(B, np.int64))


def test_episodes_that_some_begin_may_have_used_part_of_their_time() -> None:
    envs = ours()
    envs.reset(seed=0)
    envs.step(np.zeros(B, np.int64))
    envs.reset(options={"reset_mask": np.array([True, False, False]), "elapsed": np.array([3, 3, 3])})
    ends = [envs.step(np.zeros(B, np.int64))[3].tolist() for _ in range(3)]
    assert ends == [[True, False, False], [False, False, False], [False, True, True]]


@pytest.mark.parametrize(
    ("seed", "same"),
    [
        (np.int64(3), [3, 4, 5]),
        (np.uint8(255), [255, 256, 257]),
        (np.array(3), [3, 4, 5]),
        (np.array([3, 9, 4]), [3, 9, 4]),
        ((3, np.int32(9), 4), [3, 9, 4]),
        (range(3, 6), [3, 4, 5]),
        (2**70, [2**70, 2**70 + 1, 2**70 + 2]),
    ],
)
def test_seeds_of_any_whole_number(seed: Any, same: list[int]) -> None:
    for make in (KINDS["ours"], KINDS["gym"]):
        envs = make()
        np.testing.assert_array_equal(envs.reset(seed=seed)[0], envs.reset(seed=same)[0])
    alone = WorldEnv("RandomCity", **SMALL)
    np.testing.assert_array_equal(alone.reset(seed=np.int64(3))[0], alone.reset(seed=3)[0])


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        (-1, "seed is -1; it must be a whole number from 0, or None"),
        (True, "seed is True"),
        (np.True_, r"seed is np\.True_"),
        (3.0, "seed is 3.0"),
        (np.float64(3), r"seed is np\.float64\(3\.0\)"),
        ("123", "seed is '123'"),
        ({1, 2, 3}, "seed is {1, 2, 3}"),
        ([1, -2, 3], r"seed\[1\] is -2"),
        ([1, 2, False], r"seed\[2\] is False"),
        (np.array([1.0, 2.0, 3.0]), r"seed\[0\] is 1.0"),
        (np.array([[1, 2, 3]] * 3), r"seed\[0\] is \[1, 2, 3\]"),
        (np.array([1, 2]), "2 seeds for 3 environments"),
        ([], "0 seeds for 3 environments"),
    ],
)
def test_what_is_no_seed_is_refused(seed: Any, message: str) -> None:
    for make in (KINDS["ours"], KINDS["gym"]):
        envs = make()
        with pytest.raises(ValueError, match=message):
            envs.reset(seed=seed)
        assert not envs.episode_count.any()
    with pytest.raises(ValueError, match="it must be a whole number from 0"):
        WorldEnv("RandomCity", **SMALL).reset(seed=seed)


def test_seeds_and_generators_are_told_as_by_gymnasium(envs: VectorEnv, reference: SyncVectorEnv) -> None:
    for each in (envs, reference):
        each.reset(seed=3)
        each.reset(seed=[None, 9, None])
    assert envs.np_random_seed == reference.np_random_seed == (3, 9, 5)
    for mine, theirs in zip(envs.np_random, reference.np_random, strict=True):
        assert mine.bit_generator.state == theirs.bit_generator.state


def test_masks_are_true_in_every_step_and_may_be_changed(envs: VectorEnv) -> None:
    _, info = envs.reset(seed=0)
    for _ in range(6):
        assert [info[key].tolist() for key in info if key.startswith("_")] == [[True] * B] * (len(info) // 2)
        info["_pose"][:] = False
        info = envs.step(np.zeros(B, np.int64))[-1]
        assert not {"final_obs", "final_info"} & set(info), "the last frame is what the last step returned"
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP


@contextmanager
def made(mode: str, **arguments: Any) -> Iterator[VectorEnv]:
    envs = gymnasium.make_vec(CITY, num_envs=B, vectorization_mode=mode, **{**SMALL, **arguments})
    try:
        yield envs
    finally:
        envs.close()
        envs.close()  # twice


@pytest.mark.parametrize("mode", ["vector_entry_point", "sync", "async"])
def test_make_vec_makes_the_same_in_every_way(mode: str, reference: SyncVectorEnv) -> None:
    with made(mode, render_mode="rgb_array", max_episode_steps=3) as envs:
        limited = gymnasium.make_vec(CITY, num_envs=B, vectorization_mode="sync", max_episode_steps=3, **SMALL)
        assert envs.spec is not None
        assert envs.render_mode == "rgb_array"
        assert envs.metadata["render_fps"] == 10
        assert_same(envs.reset(seed=3), limited.reset(seed=3))
        for action in actions(8):
            frames, *rest = envs.step(action)
            assert_same((frames, *rest), limited.step(action))
            np.testing.assert_array_equal(np.stack(envs.render()), frames)


def test_a_longer_limit_than_the_levels_own_changes_nothing() -> None:
    assert gymnasium.make_vec(CITY, num_envs=1, **SMALL, max_episode_steps=9).config.episode_length == 4


def test_environments_are_called_and_their_attributes_read_and_set() -> None:
    for processes in (0, 2):
        envs = through_gymnasium(processes=processes, render_mode="rgb_array")
        frames, _ = envs.reset(seed=0)
        assert envs.render_mode == "rgb_array"
        assert envs.metadata["render_fps"] == 10
        np.testing.assert_array_equal(np.stack(envs.render()), frames)
        assert envs.get_attr("action_names") == (envs.action_names,) * B
        envs.set_attr("note", [1, 2, 3])
        assert envs.get_attr("note") == (1, 2, 3)
        envs.set_attr("note", 5)
        assert envs.call("get_wrapper_attr", "note") == (5, 5, 5)
        with pytest.raises(ValueError, match="values for 3 environments"):
            envs.set_attr("note", [1, 2])
        with pytest.raises(AttributeError, match="lamps"):
            envs.get_attr("lamps")
        if processes:
            with pytest.raises(Exception, match="pickle"):
                envs.set_attr("note", [1, 2, lambda: 3])
        envs.step(np.zeros(B, np.int64))  # none of this has ended them
        envs.close()
        envs.close()
    with pytest.raises(ClosedEnvironmentError):
        envs.reset(seed=0)
    with pytest.raises(ClosedEnvironmentError):
        envs.step(np.zeros(B, np.int64))
    assert through_gymnasium().render() is None
