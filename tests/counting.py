"""A Gymnasium environment of which few can exist, whose episodes and rewards can be counted."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

LICENCES = 5


class Counting(gymnasium.Env[Any, Any]):
    """Each step has a reward of 1; an episode ends after `lasts` of them, or never if that is 0."""

    alive: ClassVar[int] = 0

    def __init__(self, lasts: int = 10) -> None:
        if Counting.alive >= LICENCES:
            raise ValueError(f"there are licences for {LICENCES} of these")
        Counting.alive += 1
        self.observation_space, self.action_space = Box(0, 255, (16, 16, 3), np.uint8), Discrete(2)
        self.lasts = lasts
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros((16, 16, 3), np.uint8), {"parity": 0}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        frame = np.full((16, 16, 3), self.steps % 256, np.uint8)
        return frame, 1.0, self.steps == self.lasts, False, {"parity": self.steps % 2}

    def close(self) -> None:
        Counting.alive -= 1


gymnasium.register("Counting-v0", Counting)
gymnasium.register("Longer-v0", Counting, kwargs={"lasts": 20})
