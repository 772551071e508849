"""A training run: actors and learner, and the loop that joins them (until it is done or told to stop)."""

import time
from contextlib import ExitStack, nullcontext
from typing import Any

import torch

from simcore.acting import (
    ActorError,
    Ledger,
)
from simcore.acting.on_ray import import_ray
from simcore.build import check_worlds, make_executor, make_system, world_sizes
from simcore.common.devices import choose_device
from simcore.common.distributed import Ranks, join_ranks, leave_ranks
from simcore.common.errors import UserError
from simcore.common.seeding import stream
from simcore.common.tree import plain, to_device, tree_map
from simcore.config.run import Config
from simcore.data.trajectory import join_trajectories
from simcore.learning.compiling import require_compiler
from simcore.learning.fault import NonFiniteLossError
from simcore.learning.learner import Learner
from simcore.memory import CoreState
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
from simcore.training.statistics import Statistics


def check(config: Config) -> None:
    """Complain now of what else a run would complain of once it begins.

    Raises:
        UserError: the device, the environment, what it is to tell of itself, a probe head or Ray is not there.
    """
    device = choose_device(config.device)
    if config.graph and device.type != "cuda":
        raise UserError(f"--graph records an update on a GPU, and the device is {device.type}; leave it out")
    if config.compile:
        require_compiler()
    check_worlds(config)
    if config.executor == "ray":
        import_ray()


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
        sizes = world_sizes(config)
        self.system = make_system(config, sizes).to(device)
        self.learner = Learner(self.system, config, stream(config.seed, "learner"), self.ranks)
        begun_anew = 0 if config.executor == "serial" and self.ranks.size == 1 else begun
        self.executor = make_executor(config, self.system.agent, begun_anew, self.ranks)
        self.ledger = Ledger()
        self.updates = 0
        self.core_states: dict[int, CoreState] = {}
        """By actor, the belief's state after its last trajectory, where the actor itself has none."""
        self.statistics = Statistics(config, device, sizes.episode_metrics)

    def update(self) -> None:
        """Take a batch of trajectories and learn from it; `check` tells whether that went well.

        Raises:
            ActorError: an actor failed.
        """
        handed = self.executor.take(self.config.trajectories_per_update)
        begin = time.perf_counter()
        for rollout in handed.rollouts:
            self.ledger.book(rollout)
        core = self.system.agent.core
        trajectory = join_trajectories([rollout.trajectory for rollout in handed.rollouts], core.join)
        actor = handed.rollouts[0].actor
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
