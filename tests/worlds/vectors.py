"""Batches of three cities: ours, and the same through Gymnasium, in this process and in others."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import SyncVectorEnv, VectorEnv

import simcore  # noqa: F401  registers the levels
from simcore.worlds.gym import GymConfig, GymVectorEnv

CITY = "simcore/RandomCity-v0"
B = 3
SMALL = {"size": 9, "frame_size": 16, "episode_length": 4}
TARGETS = ("pose=vector:5", "cell=class:81", "map=picture:9x9")


def ours(level: str = "RandomCity") -> VectorEnv:
    return gymnasium.make_vec(f"simcore/{level}-v0", num_envs=B, **{**SMALL, "size": 11})


def through_gymnasium(processes: int = 0, **more: Any) -> VectorEnv:
    arguments = tuple(f"{name}={value}" for name, value in ({**SMALL, "size": 9} | more).items())
    config = GymConfig(frame_size=16, make_kwargs=arguments, targets=TARGETS, processes=processes)
    return GymVectorEnv(CITY, B, config=config)


KINDS = {
    "ours": lambda: gymnasium.make_vec(CITY, num_envs=B, **SMALL),
    "gym": through_gymnasium,
    "processes": lambda: through_gymnasium(processes=2),
}


def actions(steps: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 5, (steps, B))


def synchronous() -> SyncVectorEnv:
    """Return the batch that Gymnasium itself makes of single environments."""
    return gymnasium.make_vec(CITY, num_envs=B, vectorization_mode="sync", **SMALL)
