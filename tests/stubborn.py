"""A Gymnasium environment that stops answering, or ends its process."""

import ctypes
import os
import threading
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

from simcore.config.run import Config
from simcore.worlds.gym import GymConfig
from tinier import changed, tinier_acting

STUBBORN = "stubborn:Stubborn-v0"
let_go = threading.Event()
"""Set, it ends what hangs in Python in this process."""


class Stubborn(gymnasium.Env[Any, Any]):
    """Grey frames; after a number of steps it hangs, in Python or in compiled code, or ends its process."""

    observation_space = Box(0, 255, (8, 8, 3), np.uint8)
    action_space = Discrete(2)

    def __init__(self, after: int = 2**60, then: str = "sleep") -> None:
        self.left = after
        self.then = then

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.full((8, 8, 3), 128, np.uint8), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.left -= 1
        if self.left < 0:
            hang(self.then)
        return np.full((8, 8, 3), 8 * self.left % 256, np.uint8), 1.0, False, False, {}


gymnasium.register("Stubborn-v0", entry_point=Stubborn)


def hang(how: str) -> None:
    if how == "exit":
        os._exit(7)
    library = ctypes.CDLL(None)
    mutex = ctypes.create_string_buffer(64)
    while True:
        if how == "compiled":  # a lock that is never released, which no signal interrupts
            library.pthread_mutex_lock(mutex)
        elif let_go.wait(1000):
            return


def stubborn(after: int = 2**60, then: str = "sleep", processes: int = 0, **changes: Any) -> Config:
    """Return the configuration of a run in it, whose worlds stop answering after so many steps."""
    world = GymConfig(frame_size=8, make_kwargs=(f"after={after}", f"then={then}"), processes=processes)
    endless = {"learning__updates": 100_000, "record__metrics_every": 1, "record__checkpoint_every": 100_000}
    return changed(replace(tinier_acting(), level=STUBBORN, world=world), **endless | changes)
