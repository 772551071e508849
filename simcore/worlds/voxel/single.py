"""The Gymnasium environment of one world of SimCore's levels: a batch of one."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from simcore.worlds.conventions import checked_seed
from simcore.worlds.voxel.env import Frames, Info, WorldVectorEnv


class WorldEnv(gymnasium.Env[Frames, np.int64]):
    """A single environment of one level: a batch of one, without its leading dimension and autoreset.

    Arguments, observations, actions and `info` are those of `WorldVectorEnv`; `heading_index` and `cell` are
    ints.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, level: str, *, render_mode: str | None = None, **level_kwargs: Any) -> None:
        self.worlds = WorldVectorEnv(level, 1, copy=False, render_mode=render_mode, **level_kwargs)
        self.config = self.worlds.config
        self.action_names = self.worlds.action_names
        self.observation_space = self.worlds.single_observation_space
        self.action_space = self.worlds.single_action_space
        self.render_mode = render_mode
        self._over = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frames, Info]:
        """Begin a new episode, whose seed comes from `np_random`.

        Raises:
            ValueError: the seed is not a whole number from 0.
        """
        super().reset(seed=seed if seed is None else checked_seed(seed))
        self.worlds.generators[0] = self.np_random
        frames, info = self.worlds.reset(options=options)
        self._over = False
        return frames[0].copy(), _first(info)

    def step(self, action: int | np.integer[Any]) -> tuple[Frames, float, bool, bool, Info]:
        """Take one action.

        Raises:
            ResetNeeded: the episode is over, or none has begun.
            ValueError: the action is not an integer in `0 .. A - 1`.
        """
        if self._over:
            raise ResetNeeded("call reset before the first step and after the end of an episode")
        frames, rewards, terminated, truncated, info = self.worlds.step(np.asarray(action)[None])
        self._over = bool(terminated[0] or truncated[0])
        return frames[0].copy(), float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _first(info)

    def render(self) -> Frames | None:
        """Return the current frame if the render mode is "rgb_array", else None."""
        frames = self.worlds.render()
        return frames[0] if frames is not None else None


def _first(info: Info) -> Info:
    return {
        key: array[0].copy() if array.ndim > 1 else int(array[0])  # scalars become Python numbers
        for key, array in info.items()
        if not key.startswith("_")  # masks are a batch's
    }
