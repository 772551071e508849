"""Making worlds by name, SimCore's or Gymnasium's: a batch of them, or one whose info has the previous action."""

from typing import Any

import gymnasium
import numpy as np

from simcore.worlds.api import PREVIOUS_ACTION, WorldConfig, Worlds
from simcore.worlds.gym.config import GymConfig
from simcore.worlds.gym.making import find_spec, is_gym_id, make_one
from simcore.worlds.gym.vector import GymVectorEnv
from simcore.worlds.voxel.env import WorldVectorEnv
from simcore.worlds.voxel.single import WorldEnv


def make_worlds(
    level: str, num_envs: int = 1, world: WorldConfig | None = None, *, copy: bool = True, **arguments: Any
) -> Worlds:
    """Make B worlds side by side, in Gymnasium's next-step autoreset mode.

    Args:
        level: a level of SimCore's, or `[module:][namespace/]name-v0` of Gymnasium's.
        num_envs: B.
        world: the level's arguments; None: those that follow.
        copy: return copies, safe to keep; if False, arrays that the next step overwrites.
        **arguments: of the level's config, or of `GymConfig`.

    Raises:
        ValueError: there is no such level or environment, or an argument is out of its limits.
        TypeError: the config has no such argument.
    """
    if is_gym_id(level):
        config = world if isinstance(world, GymConfig) else GymConfig(**arguments)
        return GymVectorEnv(level, num_envs, config=config, copy=copy)
    return WorldVectorEnv(level, num_envs, copy=copy, **(vars(world) if world is not None else arguments))


def make_env(level: str, world: WorldConfig, render_mode: str | None = None) -> "TellsPreviousAction":
    """Make one environment with frames uint8 `[H, W, 3]`, actions `0 .. A - 1`, and the previous action in info.

    Args:
        level: as for `make_worlds`.
        world: its arguments.
        render_mode: "rgb_array" or None; Gymnasium's environments take theirs by `make_kwargs`.

    Raises:
        ValueError: as for `make_worlds`.
    """
    if isinstance(world, GymConfig):
        return TellsPreviousAction(make_one(find_spec(level), world))
    return TellsPreviousAction(WorldEnv(level, render_mode=render_mode, **vars(world)))


class TellsPreviousAction(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose info has the action that led to the frame, as `previous_action`; none at a reset.

    So an observer needs only what `reset` and `step` return.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.action_names: tuple[str, ...] = env.get_wrapper_attr("action_names")

    def step(self, action: int | np.integer[Any]) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take an action, and add it to info."""
        frame, reward, terminated, truncated, info = super().step(action)
        return frame, reward, terminated, truncated, info | {PREVIOUS_ACTION: int(action)}
