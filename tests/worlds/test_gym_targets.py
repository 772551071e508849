"""What an environment of Gymnasium tells for probes: entries of its info, or of its observation."""

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete

from simcore.common.user_code import UserCodeError
from simcore.worlds.api import ProbeTarget
from simcore.worlds.gym import GymConfig, GymVectorEnv
from simcore.worlds.gym.targets import convert

TELLING = "TellingTest-v0"
TARGETS = ("room=class:3", "position=vector:2", "plan=picture:2x3", "clock=vector:1")


class Telling(gymnasium.Env[Any, Any]):
    """Tells the step in several ways; episodes have 4 steps. The clock is in the observation."""

    observation_space = Dict({"image": Box(0, 255, (8, 8, 3), np.uint8), "clock": Box(0, 9, (1,))})
    action_space = Discrete(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.time = 0
        return self.look(), self.tell()

    def step(self, action: Any) -> Any:
        self.time += 1
        return self.look(), 0.0, self.time == 4, False, self.tell()

    def look(self) -> dict[str, Any]:
        return {"image": np.full((8, 8, 3), self.time, np.uint8), "clock": np.array([self.time / 4], np.float32)}

    def tell(self) -> dict[str, Any]:
        plan = np.full((2, 3, 3), self.time, np.uint8)
        return {"room": self.time % 3, "position": (self.time / 2, 1), "plan": plan, "other": object()}


@pytest.fixture(autouse=True, scope="module")
def registered() -> Iterator[None]:
    gymnasium.register(TELLING, entry_point=f"{__name__}:Telling")
    yield
    del gymnasium.registry[TELLING]


def make(num_envs: int = 3, targets: tuple[str, ...] = TARGETS, **config: Any) -> GymVectorEnv:
    return GymVectorEnv(TELLING, num_envs, config=GymConfig(frame_size=8, targets=targets, **config))


@pytest.mark.parametrize("processes", [0, 2])
def test_targets_are_told_beside_the_frames_that_they_belong_to(processes: int) -> None:
    worlds = make(processes=processes)
    assert [target.shape for target in worlds.probe_targets] == [(3,), (2,), (2, 3, 3), (1,)]
    _, info = worlds.reset(seed=0)
    kept = []
    for _ in range(7):  # beyond an episode's end
        frames, info = worlds.observe()
        kept.append((frames[:, 0, 0, 0].astype(int), info))
        worlds.step(np.zeros(3, np.int64))
    worlds.close()
    assert [times.tolist() for times, _ in kept] == [[time] * 3 for time in (0, 1, 2, 3, 4, 0, 1)]
    for times, told in kept:
        assert list(told) == ["room", "position", "plan", "clock", "_room", "_position", "_plan", "_clock"]
        np.testing.assert_array_equal(told["room"], times % 3)
        np.testing.assert_array_equal(told["position"], np.stack([times / 2, np.ones(3)], 1))
        np.testing.assert_array_equal(told["plan"], np.broadcast_to(times[:, None, None, None], (3, 2, 3, 3)))
        np.testing.assert_array_equal(told["clock"], times[:, None] / 4)
        assert [str(array.dtype) for array in told.values()] == ["int64", "float32", "uint8", "float32", *["bool"] * 4]


def test_a_resumed_world_tells_of_its_first_frame() -> None:
    worlds, other = make(), make()
    worlds.reset(seed=0)
    worlds.step(np.zeros(3, np.int64))
    other.set_state(worlds.get_state())
    frames, info = other.observe()
    assert frames.max() == 0
    assert info["room"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("processes", [0, 2])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("door=class:3", "the target door is not in what a step tells, which is: image, clock, room, position, plan"),
        ("position=vector:3", r"the target position is float64 \(2,\); world.targets has it as numbers \(3,\)"),
        ("plan=picture:3x3", r"the target plan is uint8 \(2, 3, 3\); world.targets has it as uint8 \(3, 3, 3\)"),
        ("position=class:3", r"the target position is float64 \(2,\); world.targets has it as a whole number"),
    ],
)
def test_what_does_not_fit_is_refused_at_the_first_reset(target: str, message: str, processes: int) -> None:
    worlds = make(targets=(target,), processes=processes)
    with pytest.raises(ValueError, match=message):
        worlds.reset(seed=0)
    worlds.close()


def test_a_class_out_of_its_range_is_refused() -> None:
    worlds = make(targets=("room=class:2",))
    worlds.reset(seed=0)
    worlds.step(np.zeros(3, np.int64))
    with pytest.raises(ValueError, match=r"the target room is 2; world\.targets has it from 0 to 1"):
        worlds.step(np.zeros(3, np.int64))


@pytest.mark.parametrize(
    "text", ["room", "room=class", "room=class:x", "room=class:2x2", "room=vector:", "plan=picture:3", "room=colour:3"]
)
def test_a_target_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"targets holds '{text}'; it must be written name=class:C"):
        GymConfig(targets=(text,))


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (("a b=class:3",), "'a b' cannot be the name of a probe's target"),
        (("room=class:0",), r"room is a class of shape \(0,\)"),
        (("since_seen=class:3",), "no target can be named since_seen"),
        (("_room=class:3",), "no target can be named _room"),
        (("room=class:3", "room=vector:2"), "targets names room more than once"),
    ],
)
def test_names_and_sizes_that_cannot_be_are_refused(targets: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GymConfig(targets=targets)


def test_numbers_are_told_in_the_types_of_targets() -> None:
    room, angle = ProbeTarget("room", "class", (4,)), ProbeTarget("angle", "vector", (1,))
    for given in (3, np.uint8(3), np.array([3])):
        assert convert(given, room) == 3
        assert convert(given, room).dtype == np.int64
        assert convert(given, angle).tolist() == [3.0]
    assert convert(True, room) == 1
    with pytest.raises(ValueError, match="room is float64"):
        convert(3.0, room)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("class", None, "the target it is None; world.targets has it as a whole number"),
        ("class", "door", "the target it is <U4"),
        ("class", np.nan, "the target it is float64"),
        ("class", -1, "the target it is -1; world.targets has it from 0 to 2"),
        ("class", [1, 2], r"the target it is int64 \(2,\)"),
        ("vector", [0.0, np.nan, 1.0], "the target it holds nan; what a probe reads is finite"),
        ("vector", [0.0, np.inf, 1.0], "what a probe reads is finite, in float32"),
        ("vector", [0.0, 1e39, 1.0], "what a probe reads is finite, in float32"),
        ("vector", [[1.0, 2.0], [3.0]], r"the target it is no array; world.targets has it as numbers \(3,\)"),
        ("vector", 3.0, r"the target it is float64 \(\); world.targets has it as numbers \(3,\)"),
        ("vector", {"x": 1}, "the target it is of the class dict"),
        ("picture", np.zeros((2, 3, 3)), r"the target it is float64 \(2, 3, 3\); world.targets has it as uint8"),
        ("picture", None, "the target it is None"),
    ],
)
def test_a_value_that_no_probe_can_read_is_refused(kind: Any, value: Any, message: str) -> None:
    target = ProbeTarget("it", kind, (2, 3, 3) if kind == "picture" else (3,))
    with pytest.raises(ValueError, match=message):
        convert(value, target)


def test_an_entry_that_is_missing_at_a_step_is_told_with_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds = make(targets=("room=class:3",))
    worlds.reset(seed=0)
    monkeypatch.setattr(Telling, "tell", lambda env: {})
    with pytest.raises(UserCodeError, match=r"^TellingTest-v0: the target room is not in what .* is: image, clock$"):
        worlds.step(np.zeros(3, np.int64))


def test_minigrid_tells_where_the_agent_looks() -> None:
    pytest.importorskip("minigrid")
    config = GymConfig(frame_size=16, targets=("direction=class:4",))
    worlds = GymVectorEnv("MiniGrid-Empty-5x5-v0", 2, config=config)
    left = worlds.action_names.index("left")
    told = [worlds.reset(seed=0)[1]["direction"].tolist()]
    told += [worlds.step(np.array([left, left]))[4]["direction"].tolist() for _ in range(3)]
    assert told == [[0, 0], [3, 3], [2, 2], [1, 1]]
