"""Action wrappers of Gymnasium environments: actions numbered from 0, named, and repeated."""

from enum import EnumMeta
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete


class NumberedActions(gymnasium.ActionWrapper[Any, np.int64, Any]):
    """A wrapper with actions `0 .. A - 1` and their `action_names`: the environment's, else `action_0`, `action_1`, ...

    Raises:
        ValueError: the environment's actions are not discrete.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        space = env.action_space
        if not isinstance(space, Discrete):
            raise ValueError(f"the actions are {space}; allowed is Discrete, one choice among a few")
        self.first = int(space.start)
        self.action_space = Discrete(int(space.n))
        names = find_names(env)
        self.action_names = names if len(names) == space.n else tuple(f"action_{index}" for index in range(space.n))

    def action(self, action: np.int64) -> Any:
        """Return the environment's own number of an action."""
        return np.int64(action + self.first)


class Repeat(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that takes each action several times, up to the episode's end, and sums the rewards."""

    def __init__(self, env: gymnasium.Env[Any, Any], times: int) -> None:
        super().__init__(env)
        self.times = times

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take the action `times` times; return the results of the last step, with the sum of the rewards."""
        total = 0.0
        for _ in range(self.times):
            observation, reward, terminated, truncated, info = super().step(action)
            total += float(reward)
            if terminated or truncated:
                break
        return observation, total, terminated, truncated, info


def find_names(env: gymnasium.Env[Any, Any]) -> tuple[str, ...]:
    """Return the names of an environment's actions in the order of their numbers; empty if it has none.

    They are read from `action_names` (SimCore's levels), the enumeration `actions` (MiniGrid), `get_action_meanings()`
    (Atari), or the buttons that each action presses (ViZDoom).
    """
    if env.has_wrapper_attr("action_names"):
        return tuple(map(str, env.get_wrapper_attr("action_names")))
    inner: Any = env.unwrapped
    if isinstance(getattr(inner, "actions", None), EnumMeta):
        return tuple(member.name for member in inner.actions)
    if callable(getattr(inner, "get_action_meanings", None)):
        return tuple(str(meaning).lower() for meaning in inner.get_action_meanings())
    if hasattr(inner, "button_map"):
        buttons = [button.name.lower() for button in inner.game.get_available_buttons()]
        return tuple(_pressed(buttons, choice) for choice in inner.button_map)
    return ()


def _pressed(buttons: list[str], choice: Any) -> str:
    return "+".join(name for name, down in zip(buttons, choice, strict=False) if down) or "nothing"
