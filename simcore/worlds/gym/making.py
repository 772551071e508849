"""Finding Gymnasium environments by id, and making them with frames and numbered actions."""

import contextlib
import importlib
import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.wrappers import TimeLimit

from simcore.common.literals import as_arguments
from simcore.common.registry import find_in_module, import_user_module
from simcore.common.user_code import failure, user_code
from simcore.worlds.gym.actions import NumberedActions, Repeat
from simcore.worlds.gym.config import GymConfig
from simcore.worlds.gym.frames import Frames
from simcore.worlds.gym.guard import Guard, guarded
from simcore.worlds.gym.rewards import Rewards
from simcore.worlds.gym.targets import Targets

Env = gymnasium.Env[Any, Any]


class Family(NamedTuple):
    """A package that registers environments with Gymnasium when it is imported."""

    prefixes: tuple[str, ...]
    """The prefixes of their ids."""
    module: str
    """The module to import."""
    install: str
    """How to install it, for messages."""
    wrap: Callable[[Env, int], Env]
    """Prepares an environment for frames of a size in pixels, such as by an image observation."""


def as_it_is(env: Env, frame_size: int) -> Env:
    """Return the environment unchanged."""
    return env


def minigrid_view(env: Env, frame_size: int) -> Env:
    """Wrap a MiniGrid environment, so that its observation is an image of the agent's partial view."""
    wrappers = importlib.import_module("minigrid.wrappers")
    cells = env.observation_space["image"].shape[0]  # type: ignore[index]
    tile = max(8, math.ceil(frame_size / cells))
    return wrappers.RGBImgPartialObsWrapper(env, tile_size=tile)


def without_traces(env: Env, frame_size: int) -> Env:
    """Keep ViZDoom from writing its settings into the working directory, where parallel runs would collide."""
    env.unwrapped.game.set_doom_config_path(os.devnull)  # type: ignore[attr-defined]
    return env


FAMILIES = (
    Family(("MiniGrid-", "BabyAI-"), "minigrid", "pip install 'simcore[minigrid]'", minigrid_view),
    Family(("Vizdoom",), "vizdoom.gymnasium_wrapper", "pip install 'simcore[vizdoom]'", without_traces),
    Family(("ALE/",), "ale_py", "pip install ale-py", as_it_is),
    Family(("DeepMindLab-",), "simcore.worlds.gym.lab", "docs/gym.md says how", as_it_is),
)


def is_gym_id(name: str) -> bool:
    """Whether a name has the form of a Gymnasium id, `[module:][namespace/]name-v0`, and not of a level.

    A level is a plain name, or `module:NAME` if it is a user's.
    """
    return not name.rpartition(":")[2].isidentifier()


def find_spec(env_id: str) -> EnvSpec:
    """Return Gymnasium's spec of an id, after importing the package that registers it.

    Args:
        env_id: `[module:][namespace/]name-v0`; the module is imported first; ids of `FAMILIES` need none.

    Raises:
        ValueError: the package is not installed, or there is no such environment.
    """
    module, _, name = env_id.partition(":") if ":" in env_id else ("", "", env_id)
    family = _family(name)
    if family is not None:
        import_family(family, env_id)
    if module:
        import_user_module(module, f"the environment {env_id}")
    try:
        return gymnasium.spec(name)
    except gymnasium.error.Error as error:
        raise ValueError(f"there is no environment {env_id}: {' '.join(str(error).split())}") from error


def import_family(family: Family, env_id: str) -> None:
    """Import the package that registers a family of environments.

    Raises:
        ValueError: it or a package that it needs is not installed, or its import fails.
    """
    try:
        importlib.import_module(family.module)
    except ModuleNotFoundError as error:
        raise ValueError(f"{env_id} needs {error.name}, which is not installed: {family.install}") from error
    except Exception as error:
        raise failure(f"cannot import {family.module} for {env_id}: it", error) from error


def make_one(spec: EnvSpec, config: GymConfig) -> Env:
    """Make one environment with frames `uint8 [size, size, 3]`, actions `0 .. A - 1` and `action_names`.

    Raises:
        ValueError: it cannot be made with these arguments, or has no image or no discrete actions; in one line. The
            environment's methods raise `UserCodeError`, which is one as well, if its own code fails.
    """
    arguments = as_arguments(config.arguments)
    with user_code(f"{spec.id}: making it{arguments and f' with {arguments}'}"):
        # Gymnasium's checker slows every step, and warns of faults that do not matter here.
        env: Env = gymnasium.make(spec, disable_env_checker=True, **config.arguments)
    try:
        return _shaped(_wrapped(env, spec, config), spec, config)
    except BaseException:
        with contextlib.suppress(Exception):
            env.close()
        raise


def _wrapped(env: Env, spec: EnvSpec, config: GymConfig) -> Env:
    """Put an environment into the user's wrappers, or those that its family needs."""
    family = _family(spec.id)
    env = guarded(env, spec.id)
    for name in config.wrappers:
        if name != "auto":
            wrapper = find_in_module(name, "wrapper")
            with user_code(f"{spec.id}: its wrapper {name}"):
                env = wrapper(env)
        elif family is not None:
            with user_code(f"{spec.id}: its wrapper for {family.module}"):
                env = family.wrap(env, config.frame_size)
    own = [name for name in config.wrappers if name != "auto"]
    with user_code(f"{spec.id}: its wrappers"):  # one may have returned something else
        return Guard(env, f"{spec.id} in {', '.join(own)}" if own else spec.id)


def _shaped(env: Env, spec: EnvSpec, config: GymConfig) -> Env:
    """Give an environment SimCore's frames, actions and targets."""
    env = Rewards(env, spec.id)
    if config.targets:
        env = Targets(env, config.probe_targets, spec.id)
    try:
        env = NumberedActions(Frames(env, config.frame_size, config.observation, spec.id))
    except ValueError as error:
        raise ValueError(f"{spec.id}: {error}") from error
    except Exception as error:
        raise failure(f"{spec.id}: reading its spaces and actions", error) from error
    if config.repeat > 1:
        env = Repeat(env, config.repeat)
    return TimeLimit(env, config.episode_length) if config.episode_length else env


def _family(name: str) -> Family | None:
    return next((family for family in FAMILIES if name.startswith(family.prefixes)), None)
