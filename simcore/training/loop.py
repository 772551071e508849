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
from simcore.build import check_worlds, make_executor, make_learner, make_system, world_sizes
from simcore.common.devices import choose_device
from simcore.common.distributed import Ranks, join_ranks, leave_ranks
from simcore.common.errors import UserError
from simcore.common.seeding import stream
from simcore.common.tree import plain, to_device, tree_map
from simcore.config.differences import differences
from simcore.config.run import Config
from simcore.data.trajectory import join_trajectories
from simcore.learning.compiling import require_compiler
from simcore.learning.fault import NonFiniteLossError
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
        begun: where worlds begin anew, the updates that were done before, so that they are not those of before.
    """

    def __init__(self, config: Config, device: torch.device, ranks: Ranks | None = None, begun: int = 0) -> None:
        self.config = config
        self.device = device
        self.ranks = ranks or Ranks()
        torch.manual_seed(stream(config.seed, "weights"))
        sizes = world_sizes(config)
        self.system = make_system(config, sizes).to(device)
        self.learner = make_learner(config, self.system, self.ranks)
        self.executor = make_executor(config, self.system.agent, begun, self.ranks)
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
        taken = self.executor.take(self.config.trajectories_per_update)
        begin = time.perf_counter()
        for rollout in taken.rollouts:
            self.ledger.book(rollout)
        core = self.system.agent.core
        trajectory = join_trajectories([rollout.trajectory for rollout in taken.rollouts], core.join)
        actor = taken.rollouts[0].actor
        has_belief = trajectory.initial_state is not None
        if not has_belief:
            state = self.core_states.get(actor) or self.system.agent.initial_state(self.config.learning.worlds)
            trajectory = trajectory._replace(initial_state=state)
        result = self.learner.step(self.learner.prepare(trajectory))
        if not has_belief:
            self.core_states[actor] = result.final_state
        self.statistics.add(result.metrics, taken, self.updates, time.perf_counter() - begin)
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
        if keeps_worlds(self.config, self.ranks, state):
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

    Where the configuration is another than the folder has, it is recorded there once the run goes on; which fields may
    change is the caller's to see to (`require_changeable`).

    Started by `torchrun`, several processes train the run together, and the first of them writes its folder.

    Returns:
        Whether the run is complete; False if it was interrupted, after a checkpoint.

    Raises:
        UserError: the folder is in use, its newest checkpoint is damaged or past the last update, the disk is full, an
            actor failed, or a loss is not finite.
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
            begun = 0
            if checkpoint is not None:
                require_not_done(config, checkpoint.update, folder)
                begun = 0 if keeps_worlds(config, ranks, checkpoint.state) else checkpoint.update
            training = Training(config, device, ranks, begun)
            if checkpoint is not None:
                training.load_state_dict(checkpoint.state)
            if ranks.is_first:
                record_changes(config, training.updates, folder)
            with training.executor:
                try:
                    run_updates(training, folder, stop)
                except (ActorError, NonFiniteLossError) as error:
                    raise failed(error, training.updates, folder) from error
            ranks.meet()
            return training.updates >= config.learning.updates
    finally:
        leave_ranks(ranks)


def keeps_worlds(config: Config, ranks: Ranks, state: dict[str, Any]) -> bool:
    """Return whether worlds go on where a checkpoint has left them: those of actors in turn with the one learner do."""
    return bool(state.get("executor")) and config.executor == "serial" and ranks.size == 1


def require_not_done(config: Config, done: int, folder: RunFolder) -> None:
    """Raise `UserError` if a run has done more updates than it is to have."""
    asked = config.learning.updates
    if asked < done:
        raise UserError(
            f"{folder.path} has done {done} updates, and learning.updates is {asked}; ask for {done} or more"
        )


def record_changes(config: Config, update: int, folder: RunFolder) -> None:
    """Record it if a run goes on with another configuration than its folder has."""
    changes = differences(Config.from_dict(folder.config), config)
    if changes:
        folder.change(config.to_dict(), update, {change.field: (change.old, change.new) for change in changes})


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
