"""A training run: actors and learner, and the loop that joins them (until it is done or told to stop)."""

import hashlib
import itertools
import time
from contextlib import ExitStack, closing, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch

from simcore.acting import (
    Actor,
    ActorError,
    AgentPolicy,
    Executor,
    Ledger,
    OnRay,
    Policy,
    Processes,
    Serial,
    Threads,
    WalkerPolicy,
    Worlds,
)
from simcore.acting.on_ray import import_ray
from simcore.agent import Agent
from simcore.compiling import require_compiler
from simcore.config import Config
from simcore.cost import UpdateCost, cost_of
from simcore.errors import UserError
from simcore.learning.fault import NonFiniteLossError
from simcore.learning.learner import Learner
from simcore.learning.ranks import Ranks, join_ranks, leave_ranks
from simcore.learning.trajectory import join_trajectories
from simcore.memory import CoreState
from simcore.nested import plain, to_device, tree_map
from simcore.runs import (
    ACTING,
    ACTING_MODEL_FREE,
    SEEING,
    MetricsWriter,
    Progress,
    RunFolder,
    Stop,
    checkpoints,
    graceful_interrupt,
)
from simcore.statistics import Statistics
from simcore.system import SimCore, WorldSizes
from simcore.worlds import LevelConfig, Walker, WorldVectorEnv, make_vector
from simcore.worlds.foreign import ForeignConfig, ForeignVectorEnv


def make_worlds(config: Config, num_envs: int, copy: bool = True) -> Worlds:
    """Make a batch of the run's worlds.

    Raises:
        UserError: there is no such environment, or it is not one to learn from.
    """
    world = config.world
    if isinstance(world, ForeignConfig):
        try:
            return ForeignVectorEnv(config.level, num_envs, config=world, copy=copy)
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


def make_system(config: Config) -> SimCore:
    """Make the run's nets, with fresh weights, on the CPU."""
    return SimCore(config, world_sizes(config))


def cost(config: Config, on_gpu: bool) -> UpdateCost:
    """Return what an update of a run costs; nothing is done but in shapes, so it needs no GPU and little memory.

    Args:
        config: of the run.
        on_gpu: count for a GPU, also where the run's device is another.

    Raises:
        UserError: there is no such environment, or it is not one to learn from.
    """
    gpu = on_gpu or config.device.startswith("cuda") or (config.device == "auto" and torch.cuda.is_available())
    sizes = world_sizes(config)
    return cost_of(config, SimCore(config, sizes), sizes, "cuda" if gpu else "cpu")


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


def choose_device(name: str) -> torch.device:
    """Return the device that a name stands for.

    Raises:
        UserError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"there is no device {name!r} here; try auto or cpu") from error
    return device


def check(config: Config) -> None:
    """Complain now of what else a run would complain of once it begins.

    Raises:
        UserError: the device, the environment or Ray is not there.
    """
    device = choose_device(config.device)
    if config.graph and device.type != "cuda":
        raise UserError(f"--graph records an update on a GPU, and the device is {device.type}; leave it out")
    if config.compile:
        require_compiler()
    make_worlds(config, 1).close()
    if config.executor == "ray":
        import_ray()


def stream(seed: int, purpose: str) -> int:
    """Return a seed for one purpose of a run, so that no two purposes, and no two runs, draw the same."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:6], "little")


class Training:
    """All that a run goes on from; with the serial executor, what it does next depends on this alone.

    Args:
        config: the run's configuration.
        device: where the nets are.
        ranks: the processes that learn together.
        begun: the updates that were done before, so that worlds that begin anew are not those of before.
    """

    def __init__(self, config: Config, device: torch.device, ranks: Ranks | None = None, begun: int = 0) -> None:
        self.config = config
        self.device = device
        self.ranks = ranks or Ranks()
        torch.manual_seed(stream(config.seed, "weights"))
        self.system = make_system(config).to(device)
        self.learner = Learner(self.system, config, stream(config.seed, "learner"), self.ranks)
        begun_anew = 0 if config.executor == "serial" and self.ranks.size == 1 else begun
        self.executor = make_executor(config, self.system.agent, begun_anew, self.ranks)
        self.ledger = Ledger()
        self.updates = 0
        self.core_states: dict[int, CoreState] = {}
        """By actor, the belief's state after its last trajectory, where the actor itself has none."""
        self.statistics = Statistics(config, device)

    def update(self) -> None:
        """Take a batch of trajectories and learn from it; `check` tells whether that went well.

        Raises:
            ActorError: an actor failed.
        """
        handed = self.executor.take(self.config.trajectories_per_update)
        begin = time.perf_counter()
        for experience in handed.experiences:
            self.ledger.book(experience)
        core = self.system.agent.core
        trajectory = join_trajectories([experience.trajectory for experience in handed.experiences], core)
        actor = handed.experiences[0].actor
        has_belief = trajectory.initial_state is not None
        if not has_belief:
            state = self.core_states.get(actor) or self.system.agent.initial_state(self.config.learning.worlds)
            trajectory = trajectory._replace(initial_state=state)
        learned = self.learner.step(self.learner.prepare(trajectory))
        if not has_belief:
            self.core_states[actor] = learned.final_state
        self.statistics.add(learned.metrics, handed, self.updates, time.perf_counter() - begin)
        self.updates += 1
        self.executor.publish(self.updates)

    def check(self) -> None:
        """Ask whether all losses so far were finite.

        Raises:
            NonFiniteLossError: one was not; from then on nothing has changed.
        """
        self.learner.check()

    def take_metrics(self) -> dict[str, float]:
        """Return the means since the last call, and what can be counted: the one time that the host waits for a GPU.

        Raises:
            NonFiniteLossError: a loss was NaN or infinite; from then on nothing has changed.
        """
        frames = self.updates * self.config.learning.frames_per_update * self.ranks.size
        counted = {"trajectories": self.ledger.used, "replaced": self.executor.replaced}
        means, report = self.statistics.take(self.ranks, self.learner.fault.report())
        self.learner.fault.complain(report)
        return {"frames": frames, **means, **counted}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the continuation depends on: tensors, numbers and strings alone."""
        return {
            "updates": self.updates,
            "learner": self.learner.state_dict(),
            "executor": self.executor.state_dict() if self.ranks.size == 1 else {},
            "ledger": self.ledger.state_dict(),
            "core_states": {actor: plain(state) for actor, state in self.core_states.items()},
            "statistics": self.statistics.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; where the worlds were not kept, they begin anew."""
        self.updates = state["updates"]
        self.learner.load_state_dict(state["learner"])
        if state["executor"] and self.ranks.size == 1:
            self.executor.load_state_dict(state["executor"])
            self.ledger.load_state_dict(state["ledger"])
            like = self.system.agent.initial_state(self.config.learning.worlds)
            self.core_states = {
                actor: to_device(tree_map(lambda _, leaf: leaf, like, saved), self.device)
                for actor, saved in state["core_states"].items()
            }
            self.statistics.load_state_dict(state["statistics"])
        self.executor.publish(self.updates)


def train(config: Config, folder: RunFolder) -> bool:
    """Train in a folder until the run's last update, from its newest checkpoint where it has one.

    Started by `torchrun`, several processes train the run together, and the first of them writes its folder.

    Returns:
        Whether the run is complete; False if it was interrupted, after a checkpoint.

    Raises:
        UserError: the folder is in use, its newest checkpoint is damaged, the disk is full, an actor failed, or a loss
            is not finite.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    device = choose_device(config.device)
    ranks = join_ranks(device)
    if config.graph and ranks.size > 1:
        leave_ranks(ranks)
        raise UserError(f"--graph records what one process does, and there are {ranks.size}; leave it out")
    try:
        with folder.lock() if ranks.is_first else nullcontext(), graceful_interrupt() as stop:
            newest = checkpoints.latest(folder.checkpoints)
            checkpoint = checkpoints.load(newest, device) if newest is not None else None
            training = Training(config, device, ranks, checkpoint.update if checkpoint is not None else 0)
            if checkpoint is not None:
                training.load_state_dict(checkpoint.state)
            with training.executor:
                try:
                    run_updates(training, folder, stop)
                except (ActorError, NonFiniteLossError) as error:
                    raise failed(error, training.updates, folder) from error
            ranks.meet()
            return training.updates >= config.learning.updates
    finally:
        leave_ranks(ranks)


def run_updates(training: Training, folder: RunFolder, stop: Stop) -> None:
    """Do updates until the last, or until told to stop; write metrics and checkpoints along the way.

    Raises:
        ActorError: an actor failed.
        NonFiniteLossError: a loss was NaN or infinite.
    """
    config, ranks = training.config, training.ranks
    record, total, saved = config.record, config.learning.updates, training.updates

    def save() -> None:
        training.check()  # what is kept shall be good
        if ranks.is_first:
            checkpoints.save(folder.checkpoints, training.updates, training.state_dict(), record.checkpoints)

    with ExitStack() as shown:
        if ranks.is_first:
            metrics = shown.enter_context(MetricsWriter(folder, resume_at=saved))
            frames = config.learning.frames_per_update * ranks.size
            progress = shown.enter_context(Progress(total, frames, saved, shown=watched(config)))
        while training.updates < total and not ranks.any(stop.requested, training.device):
            training.update()
            done = training.updates
            values = training.take_metrics() if done % record.metrics_every == 0 or done == total else {}
            if ranks.is_first:
                if values:
                    metrics.write(done, values)
                progress.show(done, values)
            if done % record.checkpoint_every == 0 or done == total:
                save()
                saved = done
        if saved < training.updates:
            save()


def watched(config: Config) -> tuple[str, ...]:
    """Return the metrics of a run that a person watches."""
    if config.policy == "walker":
        return SEEING
    return ACTING if config.has_frame_model else ACTING_MODEL_FREE


def failed(error: Exception, updates: int, folder: RunFolder) -> UserError:
    """Return what a user is told of an update that failed."""
    good = checkpoints.latest(folder.checkpoints)
    remedy = "train again with a smaller --learning.learning-rate"
    if isinstance(error, NonFiniteLossError):
        updates = error.before
    else:
        remedy = f"mend what it complains of, then: simcore train --resume {folder.path}"
    return UserError(f"update {updates + 1}: {error}; the last good checkpoint is {good or 'none'}; {remedy}")
