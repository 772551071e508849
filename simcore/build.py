"""A configuration to what it stands for: worlds, nets, actors."""

import itertools
from contextlib import closing
from functools import partial

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
from simcore.common.seeding import stream
from simcore.config.run import Config
from simcore.frame_models.base import FrameModel
from simcore.frame_models.contrastive import Contrastive
from simcore.frame_models.convdraw import ConvDRAW
from simcore.frame_models.deterministic import Deterministic
from simcore.frame_models.geco import GECO
from simcore.memory.base import Memory
from simcore.memory.kanerva import Kanerva
from simcore.memory.slots import Slots
from simcore.probes.heads import find_heads
from simcore.probes.map_model import MapModel
from simcore.probes.readout import Probes
from simcore.simulation import SimCoreHead
from simcore.system import SimCore, WorldSizes
from simcore.worlds import make_vector
from simcore.worlds.api import MAP, Worlds
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
    with closing(make_worlds(config, 1)) as worlds:
        return WorldSizes(
            config.world.frame_size, len(worlds.action_names), worlds.probe_targets, worlds.episode_metrics
        )


def check_worlds(config: Config) -> None:
    """Make one of the run's worlds and begin an episode, to see whether it tells what the probes are to read.

    Raises:
        UserError: there is no such environment, it is not one to learn from or does not tell that, or there is no such
            probe head.
    """
    with closing(make_worlds(config, 1)) as worlds:
        try:
            worlds.reset(seed=config.seed)
        except ValueError as error:
            raise UserError(f"{config.level}: {error}") from error
        find_heads(config.probes, worlds.probe_targets)


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
    """Make the memory of a core with inputs of `input_size`; the simulation's never writes (App. B)."""
    hidden_size, slots, kanerva = config.agent.hidden_size, config.slots, config.kanerva
    if config.core == "slots":
        sizes = (slots.memory_size, slots.word_size, slots.reads, slots.top_k)
        return Slots(input_size, hidden_size, *sizes, writes=writes)
    if config.core == "kanerva":
        nets = (kanerva.noise_variance, kanerva.read_hidden, kanerva.write_hidden)
        return Kanerva(input_size, hidden_size, kanerva.memory_size, kanerva.word_size, *nets, writes=writes)
    return None


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
    )


def make_probes(config: Config, sizes: WorldSizes, belief_size: int) -> Probes:
    """Make the probes of a belief, or of whatever else has `belief_size` features."""
    return Probes(config.probes, belief_size=belief_size, targets=sizes.targets)


def make_map_model(config: Config, sizes: WorldSizes, belief_size: int) -> MapModel:
    """Make the model of the map given the belief, of the frame model's sizes."""
    (map_size,) = (target.shape[0] for target in sizes.targets if target.name == MAP)  # the configuration sees to it
    return MapModel(
        belief_size,
        map_size,
        config.probes.map_kappa,
        config.geco.rate,
        config.geco.decay,
        **vars(config.convdraw),
    )
