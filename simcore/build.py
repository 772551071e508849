"""Functions that build worlds, nets, actors and the learner from a configuration."""

import itertools
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from typing import Any, cast

import numpy as np

from simcore.acting import Actor, AgentPolicy, Executor, OnRay, Policy, Processes, Serial, Threads, WalkerPolicy
from simcore.agent import Agent, belief_input_size
from simcore.common.distributed import Ranks
from simcore.common.errors import UserError
from simcore.common.precision import set_precision
from simcore.common.registry import make_part
from simcore.common.seeding import derive_seed
from simcore.common.user_code import as_user_code_error
from simcore.common.watchdog import GIVE_UP, Watch
from simcore.config.run import Config
from simcore.frame_models import FrameModel, frame_models
from simcore.learning.compiling import compile_parts
from simcore.learning.learner import Learner
from simcore.memory.base import Memory, memories
from simcore.objectives import ActorCriticObjective, FramePrediction, MapModelling, Objective, Probing, objectives
from simcore.probes.heads import find_heads
from simcore.probes.map_model import MapModel
from simcore.probes.memory_reader import MemoryShape
from simcore.probes.readout import Probes
from simcore.simulation import SimCoreHead
from simcore.system import SimCore, WorldSizes
from simcore.worlds.api import MAP, Worlds
from simcore.worlds.gym.variety import warn_of_dull_frames
from simcore.worlds.gym.vector import GymVectorEnv
from simcore.worlds.making import make_worlds as worlds_by_name
from simcore.worlds.voxel.env import WorldVectorEnv
from simcore.worlds.voxel.levels.base import LevelConfig
from simcore.worlds.voxel.walker import Walker


def make_worlds(config: Config, num_envs: int, copy: bool = True) -> Worlds:
    """Make a batch of the run's worlds.

    Raises:
        UserError: there is no such environment, or its observations or actions are not supported.
    """
    try:
        return worlds_by_name(config.level, num_envs, config.world, copy=copy)
    except UserError:
        raise
    except ValueError as error:
        raise as_user_code_error(error) or UserError(str(error)) from error


def world_sizes(config: Config) -> WorldSizes:
    """Return the sizes of the run's worlds that its nets depend on."""
    with closing(make_worlds(config, 1)) as worlds:
        return WorldSizes(
            config.world.frame_size, len(worlds.action_names), worlds.probe_targets, worlds.episode_metrics
        )


def check_worlds(config: Config) -> None:
    """Make one of the run's worlds and begin an episode, to check that it provides the probes' targets.

    A Gymnasium environment also takes a few steps, and there is a warning if its frames hardly vary.

    Raises:
        UserError: there is no such environment, it cannot be learned from or lacks a target, or there is no such probe
            head.
    """
    watch = Watch(lambda: f"the check of {config.level}, before a run, has not ended", config.acting.patience)
    with watch, closing(make_worlds(config, 1)) as worlds:
        try:
            worlds.reset(seed=config.seed)
        except UserError:
            raise
        except ValueError as error:
            raise as_user_code_error(error) or UserError(f"{config.level}: {error}") from error
        if isinstance(worlds, GymVectorEnv):
            warn_of_dull_frames(worlds, config.level)
        find_heads(config.probes, worlds.probe_targets)


def make_system(config: Config, sizes: WorldSizes | None = None) -> SimCore:
    """Make the run's nets, with initial weights, on the CPU; `sizes` None: those of the run's worlds."""
    sizes = sizes or world_sizes(config)
    agent = make_agent(config, sizes)
    belief_size = agent.core.output_size
    return SimCore(
        agent,
        make_simulation(config, sizes, belief_size) if config.has_frame_model else None,
        make_probes(config, sizes, belief_size) if config.has_probes else None,
        # Last, so that the other nets have the same initial weights with and without it.
        make_map_model(config, sizes, belief_size) if config.probes.map_convdraw else None,
        make_own_objectives(config, sizes, belief_size),
    )


def make_agent(config: Config, sizes: WorldSizes) -> Agent:
    """Make encoder and belief core, with policy and value if the agent acts."""
    agent = config.agent
    return Agent(
        agent,
        frame_size=sizes.frame_size,
        num_actions=sizes.num_actions,
        memory=make_memory(config, belief_input_size(agent.embedding_size, sizes.num_actions)),
        acts=config.policy == "agent",
        plain=config.memory.plain,
        popart=config.reinforcement.popart,
    )


def make_policy(config: Config, worlds: Worlds, agent: Agent, seed: int) -> Policy:
    """Make the policy that acts in a batch of worlds."""
    if config.policy == "walker":
        assert isinstance(worlds, WorldVectorEnv), "the configuration allows the walker only in its city"
        return WalkerPolicy(Walker(worlds, seed=seed))
    return AgentPolicy(agent, worlds.num_envs, seed)


def make_actor(config: Config, number: int, agent: Agent, updates_before: int = 0) -> Actor:
    """Make one of the run's actors.

    Args:
        config: of the run.
        number: the actor's number, which seeds its worlds and samples.
        agent: the agent that acts, unless the walker does.
        updates_before: those of the run before it starts, so that a resumed run does not repeat its first worlds.
    """
    with Watch(lambda: f"actor {number} has been making its worlds", config.acting.patience):
        worlds = make_worlds(config, config.worlds_per_actor, copy=False)
    after = f"after {updates_before}" if updates_before else ""
    suffix = "".join(f"/{part}" for part in (str(number or ""), after) if part)
    walker_seed, worlds_seed, policy_seed = (
        derive_seed(config.seed, name + suffix) for name in ("walker", "worlds", "policy")
    )
    policy = make_policy(config, worlds, agent, walker_seed if config.policy == "walker" else policy_seed)
    options = None
    if config.policy == "agent" and config.acting.stagger and isinstance(config.world, LevelConfig):
        spent = np.random.default_rng(derive_seed(config.seed, "stagger" + suffix))
        options = {"elapsed": spent.integers(config.world.episode_length, size=worlds.num_envs)}
    scale, patience = config.reinforcement.reward_scale, config.acting.patience
    return Actor(worlds, policy, worlds_seed, number, scale, config.measures_memory, options, patience)


def make_executor(config: Config, agent: Agent, updates_before: int, ranks: Ranks) -> Executor:
    """Make the executor of the run's actors, whose numbers are unique across all ranks.

    Raises:
        UserError: Ray is selected and not installed, or its cluster cannot be reached.
    """
    make = partial(make_actor, config, updates_before=updates_before)
    length, acting = config.learning.unroll_length, config.acting
    numbers = range(ranks.rank * acting.actors, (ranks.rank + 1) * acting.actors)
    if config.executor == "serial":
        return Serial([make(number, agent) for number in numbers], length)
    if config.executor in ("threads", "processes"):
        kind = Threads if config.executor == "threads" else Processes
        needs_weights = config.policy == "agent"
        return kind(make, agent, numbers, length, acting.queue, needs_weights, acting.patience)
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
        GIVE_UP * acting.patience,
        config.policy == "agent",
    )


def make_memory(config: Config, input_size: int, writes: bool = True) -> Memory | None:
    """Make the memory of a core with inputs of `input_size`, None for an LSTM; the simulation's never writes (App. B).

    Raises:
        UserError: there is no memory of that name, or it requires an argument that is not offered.
    """
    if config.core == "lstm":
        return None
    kind = memories.find(config.core)
    sizes = {"input_size": input_size, "hidden_size": config.agent.hidden_size, "writes": writes}
    return make_part(kind, config.core, *options_of(config, "core", config.core, kind), **sizes)


def options_of(config: Config, part: str, name: str, kind: type) -> tuple[Any, ...]:
    """Return a part's options, an instance of its `Config`, as arguments; none if it has no `Config`."""
    options = getattr(kind, "Config", None)
    return () if options is None else (config.options_of(part, name, options),)


def make_frame_model(config: Config, frame_size: int, belief_size: int) -> FrameModel:
    """Make the frame model of the simulation.

    Raises:
        UserError: there is no such model, or a user's model requires an argument that is not offered.
    """
    kind = frame_models.find(config.frame_model)
    return make_part(
        kind,
        config.frame_model,
        *options_of(config, "frame_model", config.frame_model, kind),
        condition_size=belief_size,
        frame_size=frame_size,
        geco=config.geco,
        encoder_channels=config.agent.encoder_channels,
    )


def make_simulation(config: Config, sizes: WorldSizes, belief_size: int) -> SimCoreHead:
    """Make the simulation core with its frame model."""
    return SimCoreHead(
        config.simulation,
        num_actions=sizes.num_actions,
        hidden_size=config.agent.hidden_size,
        frame_model=make_frame_model(config, sizes.frame_size, belief_size),
        memory=make_memory(config, sizes.num_actions, writes=False),
        plain=config.memory.plain,
    )


def make_probes(config: Config, sizes: WorldSizes, belief_size: int, memory: MemoryShape | None = None) -> Probes:
    """Make the probes of a belief, or of whatever else has `belief_size` features, and of a memory beside them."""
    return Probes(config.probes, belief_size=belief_size, targets=sizes.targets, memory=memory)


def make_map_model(config: Config, sizes: WorldSizes, belief_size: int) -> MapModel:
    """Make the model of the map given the belief, of the frame model's sizes."""
    (map_size,) = (target.shape[0] for target in sizes.targets if target.name == MAP)  # the configuration sees to it
    kappa = config.probes.map_kappa
    return MapModel(config.convdraw, config.geco, belief_size=belief_size, map_size=map_size, kappa=kappa)


def make_own_objectives(config: Config, sizes: WorldSizes, belief_size: int) -> dict[str, Objective]:
    """Make a user's own objectives, by name.

    Raises:
        UserError: there is no such objective, or one requires an argument that is not offered.
    """
    made: dict[str, Objective] = {}
    for name in config.objectives:
        kind = objectives.find(name)
        given = {"belief_size": belief_size, "num_actions": sizes.num_actions, "frame_size": sizes.frame_size}
        made[kind.name] = make_part(kind, name, *options_of(config, kind.name, name, kind), **given)
    return made


def make_objectives(config: Config, system: SimCore) -> list[Objective]:
    """Make a run's objectives, in the order in which their losses are summed."""
    made: list[Objective] = []
    learning, probes = config.learning, config.probes
    if system.agent.heads is not None:
        made.append(ActorCriticObjective(system.agent, config.reinforcement, trains_belief=not config.supervised))
    if system.simulation is not None:
        made.append(FramePrediction(system.simulation, config.simulation, config.model_cost, config.precision))
    if system.probes is not None:
        # A supervised oracle is one net from frame to map, with one learning rate.
        rate = learning.learning_rate if config.supervised else learning.probe_learning_rate
        made.append(Probing(system.probes, learning.probe_times, rate, config.supervised, probes.map_weight))
    if system.map_model is not None:
        made.append(MapModelling(system.map_model, probes.map_times, learning.learning_rate))
    return [*made, *cast(Iterable[Objective], system.objectives.values())]


def make_learner(config: Config, system: SimCore, ranks: Ranks | None = None, seed: int | None = None) -> Learner:
    """Make the learner of a run's nets, on the nets' device.

    Args:
        config: of the run.
        system: its nets.
        ranks: the processes that learn together; None: this one alone.
        seed: of the learner's sampling; None: from the run's seed.
    """
    set_precision(config.precision)
    if config.compile:
        compile_parts(system)
    return Learner(
        system,
        make_objectives(config, system),
        config.learning,
        derive_seed(config.seed, "learner") if seed is None else seed,
        ranks,
        config.precision,
        config.graph,
        config.record.metrics_every,
    )
