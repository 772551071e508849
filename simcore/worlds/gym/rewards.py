"""The check of an environment's rewards, before a batch of them becomes an array, in which None would be NaN."""

import numbers
from typing import Any

import gymnasium
import numpy as np

from simcore.worlds.api import RewardError


class Rewards(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper whose rewards are floats; a bool, an int, or an array of one number becomes one.

    Values that are not finite are left to the actor, which knows the factor of rewards.

    Args:
        env: the environment.
        name: its name in messages.

    Raises:
        RewardError: in a step, if the reward is not a number.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], name: str) -> None:
        super().__init__(env)
        self.name = name
        self._step = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        self._step = 0
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take an action."""
        observation, reward, terminated, truncated, info = super().step(action)
        self._step += 1
        if type(reward) is not float:
            number = as_float(reward)
            if number is None:
                wrong = f"{self.name} gave {describe(reward)} as the reward of step {self._step} of an episode"
                raise RewardError(f"{wrong}; it must be a finite number")
            reward = number
        return observation, reward, terminated, truncated, info


def as_float(reward: object) -> float | None:
    """Return a number, or an array of one, as a float, infinite if it is too large for one; None for anything else."""
    try:
        if isinstance(reward, numbers.Real):
            return float(reward)
        array = np.asarray(reward)
    except OverflowError:
        return float("inf")
    except Exception:  # an object may raise anything when it is converted
        return None
    return float(array.item()) if array.dtype.kind in "biuf" and array.size == 1 else None


def describe(reward: object) -> str:
    """Return a reward for a message, with its type, in a short line."""
    text = " ".join(repr(reward).split())
    return f"{text if len(text) <= 40 else text[:40] + '...'} ({type(reward).__name__})"
