"""Collecting trajectories of a run in new worlds, as many at a time as fit into memory."""

import math
from contextlib import closing

import torch

from simcore.acting import Actor
from simcore.agent import Agent
from simcore.build import make_policy, make_worlds
from simcore.common.seeding import derive_seed
from simcore.common.tree import to_device, tree_map
from simcore.config.run import Config
from simcore.data.trajectory import Trajectory
from simcore.worlds.api import Worlds
from simcore.worlds.gym import GymConfig

MAX_WORLDS = 256
"""The most worlds in one batch of measurements."""
MAX_PIXELS = 2**22
"""The most pixels of frames that are embedded together; those of a single world may exceed it."""
MAX_MAP_BYTES = 2**29
"""The most bytes of maps (as float32) in one batch of worlds; intermediate results take a few times as much."""


def worlds_per_batch(config: Config, steps: int) -> int:
    """Return how many worlds fit into one batch of measurements of `steps` steps; at least 1."""
    numbers = sum(math.prod(target.shape) for target in config.world.probe_targets if target.kind == "picture")
    maps = 4 * max(numbers, 3) * steps  # of one world, as floats
    frames = config.world.frame_size**2 * steps
    return max(1, min(MAX_WORLDS, MAX_MAP_BYTES // maps, MAX_PIXELS // frames))


def episode_frames(config: Config) -> int:
    """Return the most frames of an episode; those of an unroll if the world sets no time limit."""
    return (config.world.episode_length or config.learning.unroll_length) + 1


def collect(config: Config, agent: Agent, purpose: str, worlds: int, rows: int) -> Trajectory:
    """Collect one trajectory `[rows, worlds, ...]` in new worlds with the run's policy; `purpose` seeds them.

    There are never more Gymnasium environments at a time than an actor of the run had, since some, such as simulators
    with licences or ports, do not allow more.
    """
    copies = min(worlds, config.worlds_per_actor) if isinstance(config.world, GymConfig) else worlds
    seed, parts = derive_seed(config.seed, purpose), []
    for first in range(0, worlds, copies):
        count = min(copies, worlds - first)
        with closing(make_worlds(config, count, copy=False)) as batch:
            parts.append(collect_in(batch, config, agent, seed + first, rows))
    joined = tree_map(lambda *columns: torch.cat(columns, dim=1), *parts) if len(parts) > 1 else parts[0]
    return to_device(joined, next(agent.parameters()).device)._replace(initial_state=agent.initial_state(worlds))


def collect_in(worlds: Worlds, config: Config, agent: Agent, seed: int, rows: int) -> Trajectory:
    """Collect one trajectory `[rows, worlds, ...]` in some worlds, reset by a seed, with the run's policy.

    It is on the CPU, without an initial state.
    """
    policy, scale = make_policy(config, worlds, agent, seed), config.reinforcement.reward_scale
    actor = Actor(worlds, policy, seed, reward_scale=scale, measures=True, patience=config.acting.patience)
    return actor.collect(rows - 1 if policy.needs_last else rows).trajectory._replace(initial_state=None)
