"""Environments whose own code fails, or is made for another API: one line each, with the place in it."""

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from simcore.common.user_code import UserCodeError
from simcore.worlds.gym import GymConfig, GymVectorEnv

FAULTY = "FaultyTest-v0"
FRAME = np.zeros((8, 8, 3), np.uint8)


class Sound(gymnasium.Env[Any, Any]):
    observation_space = Box(0, 255, FRAME.shape, np.uint8)
    action_space = Discrete(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return FRAME, {}

    def step(self, action: Any) -> Any:
        return FRAME, 0.0, False, False, {}


class Deep(Sound):
    def __init__(self) -> None:
        self.light = None
        self.light.shape  # type: ignore[attr-defined]  # noqa: B018


class DeepType(Sound):
    """Gymnasium makes a TypeError of its own of one in a constructor."""

    def __init__(self, size: Any = 8) -> None:
        len(size)


class Interrupted(Sound):
    def step(self, action: Any) -> Any:
        raise KeyboardInterrupt


class Leaving(Sound):
    def step(self, action: Any) -> Any:
        raise SystemExit(0)


class Bare(Sound):
    def reset(self, **options: Any) -> Any:
        assert options == {}
        return FRAME, {}


class Closing(Sound):
    def close(self) -> None:
        raise OSError("the window is gone")


class OldReset(Sound):
    def reset(self) -> Any:  # type: ignore[override]
        return FRAME


class OldSeededReset(Sound):
    def reset(self, seed: int | None = None, options: Any = None) -> Any:  # type: ignore[override]
        return FRAME


class OldStep(Sound):
    def step(self, action: Any) -> Any:
        return FRAME, 0.0, False, {}


class NoInfo(Sound):
    def step(self, action: Any) -> Any:
        return FRAME, 0.0, False, False, None


class Short(Sound):
    def step(self, action: Any) -> Any:
        return FRAME, 0.0, False


class NoSpaces(gymnasium.Env[Any, Any]):
    reset, step = Sound.reset, Sound.step


class NoWrapper:
    def __init__(self, env: Any) -> None: ...


class FailingWrapper(gymnasium.Wrapper[Any, Any, Any, Any]):
    def __init__(self, env: Any) -> None:
        raise RuntimeError("no glass")


class Unpacking(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper of the user's with the old form."""

    def step(self, action: Any) -> Any:
        return self.env.step(action)[:4]


@pytest.fixture
def faulty() -> Iterator[Callable[..., GymVectorEnv]]:
    def make(kind: type, **config: Any) -> GymVectorEnv:
        gymnasium.register(FAULTY, entry_point=kind, max_episode_steps=9)  # type: ignore[arg-type]
        return GymVectorEnv(FAULTY, 2, config=GymConfig(frame_size=8, **config))

    yield make
    gymnasium.registry.pop(FAULTY, None)


OLD = "this is the API of Gym before 0.26; .* shimmy's GymV21CompatibilityV0"
HERE = r"\(.*test_gym_faults\.py:\d+, in {}\)$"


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        (Deep, {}, "making it failed: AttributeError: 'NoneType'.* 'shape' " + HERE.format("Deep.__init__")),
        (
            DeepType,
            {"make_kwargs": ("size=3",)},
            "making it with size=3 failed: TypeError: .*" + HERE.format("DeepType.*"),
        ),
        (Sound, {"make_kwargs": ("easy=false",)}, "making it with easy=False failed: TypeError: .*argument"),
        (Leaving, {}, "its step failed: SystemExit: 0 " + HERE.format("Leaving.step")),
        (Bare, {}, "its reset failed: AssertionError: .*" + HERE.format("Bare.reset")),
        (OldReset, {}, f"its reset cannot be called with seed and options; {OLD}"),
        (OldSeededReset, {}, f"its reset returned ndarray, not 2 values; {OLD}"),
        (OldStep, {}, f"its step returned 4 values, not 5 values; {OLD}"),
        (NoInfo, {}, "the info that its step returned is NoneType, not a dict"),
        (Short, {}, "its step returned 3 values; Gymnasium's return 5"),
        (NoSpaces, {}, "reading its spaces and actions failed: AttributeError: .*observation_space"),
        (Sound, {"wrappers": (f"{__name__}:NoWrapper",)}, "its wrappers failed: TypeError: .*gymnasium.Env"),
        (
            Sound,
            {"wrappers": (f"{__name__}:FailingWrapper",)},
            "its wrapper .*Wrapper failed: RuntimeError: no glass .*py",
        ),
        (Sound, {"wrappers": (f"{__name__}:Unpacking",)}, f" in .*Unpacking: its step returned 4 values, .*{OLD}"),
    ],
)
def test_what_an_environment_does_wrong_is_told_in_one_line(
    kind: type, config: dict[str, Any], message: str, faulty: Callable[..., GymVectorEnv]
) -> None:
    def run() -> None:
        worlds = faulty(kind, **config)
        worlds.reset(seed=0)
        worlds.step(np.zeros(2, np.int64))

    with pytest.raises(UserCodeError, match=f"^{FAULTY}:? ?{message}") as caught:
        run()
    assert "\n" not in str(caught.value)


def test_closing_that_fails_is_told(faulty: Callable[..., GymVectorEnv]) -> None:
    worlds = faulty(Closing)
    with pytest.raises(UserCodeError, match="its close failed: OSError: the window is gone "):
        worlds.close()
    worlds.closed = True


def test_ctrl_c_stays_itself(faulty: Callable[..., GymVectorEnv]) -> None:
    worlds = faulty(Interrupted)
    worlds.reset(seed=0)
    with pytest.raises(KeyboardInterrupt):
        worlds.step(np.zeros(2, np.int64))
