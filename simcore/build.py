"""A configuration to what it stands for: worlds, nets, actors."""

import itertools
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from simcore.acting import Executor, Processes
from simcore.acting.actor import Actor
from simcore.acting.on_ray import OnRay
from simcore.acting.policies import AgentPolicy, Policy, WalkerPolicy
from simcore.acting.serial import Serial
from simcore.acting.threads import Threads
from simcore.agent import Agent, belief_input_size
from simcore.common.distributed import Ranks
from simcore.common.errors import UserError
from simcore.common.registry import make_part
from simcore.common.seeding import stream
from simcore.config.run import Config
from simcore.frame_models.base import FrameModel
from simcore.frame_models.contrastive import Contrastive
from simcore.frame_models.convdraw import ConvDRAW
from simcore.frame_models.deterministic import Deterministic
from simcore.frame_models.geco import GECO
from simcore.memory.base import Memory, memories
from simcore.probes.map_model import MapModel
from simcore.probes.readout import Probes
from simcore.simulation import SimCoreHead
from simcore.system import SimCore, WorldSizes
from simcore.worlds import make_vector
from simcore.worlds.api import Worlds
from simcore.worlds.gym.config import GymConfig
from simcore.worlds.gym.vector import GymVectorEnv
from simcore.worlds.voxel.env import WorldVectorEnv
from simcore.worlds.voxel.levels.base import LevelConfig
from simcore.worlds.voxel.walker import Walker


def make_worlds(config: Config, num_envs: int, copy: bool = True) -> Worlds:
    """Make a batch of the run's worlds.

    Raises:
        UserError: there is no such environment, or it is not one to learn from.
    """
    world = config.world
    if isinstance(world, GymConfig):
        try:
            return GymVectorEnv(config.level, num_envs, config=world, copy=copy)
        except ValueError as error:
            raise UserError(str(error)) from error
    return make_vector(config.level, num_envs, copy=copy, **vars(world))


def world_sizes(config: Config) -> WorldSizes:
    """Return what the run's nets must know of its worlds."""
    world = config.world
    with closing(make_worlds(config, 1)) as worlds:
        num_actions = len(worlds.action_names)
    if isinstance(world, LevelConfig):
        return WorldSizes(world.frame_size, num_actions, world.size, world.turns)
    return WorldSizes(world.frame_size, num_actions, None, 0)


def make_system(config: Config, sizes: WorldSizes | None = None) -> SimCore:
    """Make the run's nets, with fresh weights, on the CPU; `sizes` are asked of the run's worlds where None."""
    sizes = sizes or world_sizes(config)
    agent = make_agent(config, sizes)
    belief_size = agent.core.output_size
    return SimCore(
        agent,
        make_simulation(config, sizes, belief_size) if config.has_frame_model else None,
        make_probes(config, sizes, belief_size) if config.has_probes else None,
        # Last, so that the other nets' first weights are the same with and without it.
        make_map_model(config, sizes, belief_size) if config.probes.map_convdraw else None,
    )


def make_agent(config: Config, sizes: WorldSizes) -> Agent:
    """Make encoder, belief core, and policy and value where the agent acts."""
    agent = config.agent
    return Agent(
        sizes.frame_size,
        sizes.num_actions,
        agent.hidden_size,
        agent.embedding_size,
        agent.encoder_channels,
        make_memory(config, belief_input_size(agent.embedding_size, sizes.num_actions)),
        acts=config.policy == "agent",
        plain=config.memory.plain,
    )


def make_policy(config: Config, worlds: Worlds, agent: Agent, seed: int) -> Policy:
    """Make what chooses the actions in a batch of worlds."""
    if config.policy == "walker":
        assert isinstance(worlds, WorldVectorEnv), "the configuration sees to it that the walker is in its city"
        return WalkerPolicy(Walker(worlds, seed=seed))
    return AgentPolicy(agent, worlds.num_envs, seed)


def make_actor(config: Config, number: int, agent: Agent, begun: int = 0) -> Actor:
    """Make one of the run's actors.

    Args:
        config: of the run.
        number: the actor's own; its worlds and draws are seeded by it.
        agent: what acts, unless the walker does.
        begun: the updates after which it begins, so that worlds that begin anew are not those of before.
    """
    worlds = make_worlds(config, config.worlds_per_actor, copy=False)
    suffix = "".join(f"/{part}" for part in (str(number or ""), f"after {begun}" if begun else "") if part)
    walker_seed, worlds_seed, policy_seed = (
        stream(config.seed, name + suffix) for name in ("walker", "worlds", "policy")
    )
    policy = make_policy(config, worlds, agent, walker_seed if config.policy == "walker" else policy_seed)
    options = None
    if config.policy == "agent" and config.acting.stagger and isinstance(config.world, LevelConfig):
        spent = np.random.default_rng(stream(config.seed, "stagger" + suffix))
        options = {"elapsed": spent.integers(config.world.episode_length, size=worlds.num_envs)}
    measures = config.policy == "walker" and config.has_frame_model  # the learner tells how much asks for a memory
    return Actor(worlds, policy, worlds_seed, number, config.reinforcement.reward_scale, measures, options)


def make_executor(config: Config, agent: Agent, begun: int, ranks: Ranks) -> Executor:
    """Make what drives the run's actors, each with a number that no other has on any rank.

    Raises:
        UserError: Ray is asked for and not installed, or its cluster cannot be reached.
    """
    make, length, acting = partial(make_actor, config, begun=begun), config.learning.unroll_length, config.acting
    numbers = range(ranks.rank * acting.actors, (ranks.rank + 1) * acting.actors)
    if config.executor == "serial":
        return Serial([make(number, agent) for number in numbers], length)
    if config.executor in ("threads", "processes"):
        kind = Threads if config.executor == "threads" else Processes
        return kind(make, agent, numbers, length, acting.queue, follows=config.policy == "agent")
    substitutes = itertools.count(ranks.size * acting.actors + ranks.rank, ranks.size)
    return OnRay(
        make,
        agent,
        itertools.chain(numbers, substitutes),
        acting.actors,
        length,
        acting.queue,
        acting.replacements,
        config.ray_address,
    )


def make_memory(config: Config, input_size: int, writes: bool = True) -> Memory | None:
    """Make the memory of a core with inputs of `input_size`; the simulation's never writes (App. B).

    Raises:
        UserError: there is no memory of that name, or it wants an argument that none is given.
    """
    if config.core == "lstm":
        return None
    memory = memories.find(config.core)
    sizes = {"input_size": input_size, "hidden_size": config.agent.hidden_size, "writes": writes}
    return make_part(memory, config.core, *memory_options(config, memory), **sizes)


def memory_options(config: Config, memory: type[Memory]) -> tuple[Any, ...]:
    """Return the options that a memory is made with: its section of the configuration, if it has a `Config`."""
    options = getattr(memory, "Config", None)
    if options is None:
        return ()
    sections = {type(section): section for section in (config.slots, config.kanerva)}
    return (sections[options] if options in sections else options(),)


def make_frame_model(config: Config, frame_size: int, belief_size: int) -> FrameModel:
    """Make the model of the frames that the simulation foresees."""
    if config.frame_model == "deterministic":
        return Deterministic(belief_size, frame_size, config.deterministic.channels, config.deterministic.weight)
    if config.frame_model == "contrastive":
        sizes = config.contrastive
        return Contrastive(
            belief_size,
            frame_size,
            sizes.negatives,
            sizes.embedding_size,
            sizes.hidden_size,
            config.agent.encoder_channels,
        )
    draw, geco = config.convdraw, config.geco
    return ConvDRAW(
        belief_size,
        GECO(geco.kappa, geco.rate, geco.decay, geco.initial),
        frame_size,
        draw.steps,
        draw.latent_channels,
        draw.state_channels,
        draw.encoder_channels,
        draw.decoder_channels,
        draw.kernel_size,
    )


def make_simulation(config: Config, sizes: WorldSizes, belief_size: int) -> SimCoreHead:
    """Make the simulation core, and the model of the frames that it foresees."""
    simulation = config.simulation
    return SimCoreHead(
        sizes.num_actions,
        config.agent.hidden_size,
        make_frame_model(config, sizes.frame_size, belief_size),
        simulation.overshoot,
        simulation.mask_episode_ends,
        make_memory(config, sizes.num_actions, writes=False),
        plain=config.memory.plain,
    )


def make_probes(config: Config, sizes: WorldSizes, belief_size: int) -> Probes:
    """Make the probes of a belief, or of whatever else has `belief_size` features."""
    assert sizes.map_size is not None, "the configuration sees to it that there is a map"
    probes = config.probes
    return Probes(belief_size, sizes.map_size, sizes.num_headings, probes.hidden_size, probes.layers, probes.channels)


def make_map_model(config: Config, sizes: WorldSizes, belief_size: int) -> MapModel:
    """Make the model of the map given the belief, of the frame model's sizes."""
    assert sizes.map_size is not None, "the configuration sees to it that there is a map"
    return MapModel(
        belief_size,
        sizes.map_size,
        config.probes.map_kappa,
        config.geco.rate,
        config.geco.decay,
        **vars(config.convdraw),
    )
