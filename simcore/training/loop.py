"""A training run: actors, learner, and the loop around them, until the last update or an interruption."""

import logging
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
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
from simcore.common.terminal import shell_word
from simcore.common.tree import plain, to_device, with_structure
from simcore.config.differences import differences, require_same_run
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

logger = logging.getLogger(__name__)


def check(config: Config) -> None:
    """Check, before a run begins, that what it needs is there.

    Raises:
        UserError: the device, a compiler, the environment or what it is to tell, a probe head or Ray is missing, or
            --graph has no GPU.
    """
    device = choose_device(config.device)
    if config.graph and device.type != "cuda":
        raise UserError(f"--graph records an update on a GPU, and the device is {device.type}; say --no-graph")
    if config.compile:
        require_compiler()
    check_worlds(config)
    if config.executor == "ray":
        import_ray()


class Training:
    """The state of a training run; with the serial executor, its continuation depends on this alone.

    Args:
        config: the run's configuration.
        device: where the nets are.
        ranks: the processes that learn together.
        begun: the updates done before, if worlds begin anew, so that these are not the same again.
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
        self.frames = 0
        """Frames learned from, of all ranks."""
        self.core_states: dict[int, CoreState] = {}
        """The belief core's state after an actor's last trajectory, by actor, if the actor has no belief itself."""
        self.statistics = Statistics(config, device, sizes.episode_metrics)

    @property
    def _frames_per_update(self) -> int:
        return self.config.learning.frames_per_update * self.ranks.size

    def update(self) -> None:
        """Take a batch of trajectories and do one update; `check` tells whether its losses were finite.

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
        self.frames += self._frames_per_update
        self.executor.publish(self.updates)

    def check(self) -> None:
        """Check that all losses so far were finite.

        Raises:
            NonFiniteLossError: one was not; the weights are unchanged since.
        """
        self.learner.check()

    def take_metrics(self) -> dict[str, float]:
        """Return the means since the last call, and the counters; the host waits for a GPU here.

        Raises:
            NonFiniteLossError: a loss was NaN or infinite; the weights are unchanged since.
        """
        counted = {"trajectories": self.ledger.used, "replaced": self.executor.replaced}
        means, report = self.statistics.take(self.ranks, self.learner.fault.report())
        self.learner.fault.complain(report)
        return {"frames": self.frames, **means, **counted}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the continuation depends on, as tensors, numbers and strings only."""
        return {
            "updates": self.updates,
            "frames": self.frames,
            "ranks": self.ranks.size,
            "learner": self.learner.state_dict(),
            "executor": self.executor.state_dict() if self.ranks.size == 1 else {},
            "ledger": self.ledger.state_dict(),
            "core_states": {actor: plain(state) for actor, state in self.core_states.items()},
            "statistics": self.statistics.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; worlds that were not saved begin anew."""
        self.updates = state["updates"]
        self.frames = int(state.get("frames", self.updates * self._frames_per_update))
        ranks = state.get("ranks", self.ranks.size)
        if ranks != self.ranks.size and self.ranks.is_first:
            logger.warning(
                "this run was trained by %s processes, and goes on with %d: its batch is another now",
                ranks,
                self.ranks.size,
            )
        self.learner.load_state_dict(state["learner"])
        if keeps_worlds(self.config, self.ranks, state):
            self.executor.load_state_dict(state["executor"])
            self.ledger.load_state_dict(state["ledger"])
            used = dict(state["ledger"]["next"])
            made = [actor["made"] for actor in state["executor"]["actors"]]
            if made != [used.get(number, 0) for number in range(len(made))]:
                raise ValueError(f"actors have made {made} trajectories, and used are {used}")
            like = self.system.agent.initial_state(self.config.learning.worlds)
            self.core_states = {
                actor: to_device(with_structure(like, saved), self.device)
                for actor, saved in state["core_states"].items()
            }
            self.statistics.load_state_dict(state["statistics"])
        self.executor.publish(self.updates)


def train(config: Config, folder: RunFolder) -> bool:
    """Train in a folder until the run's last update, from its newest checkpoint where it has one.

    If the configuration differs from the folder's, it is recorded there after the first update with it; the caller
    checks which fields may change (`require_changeable`).

    Started by `torchrun`, several processes train the run together, and the first one writes its folder.

    Returns:
        Whether the run is complete; False if it was interrupted, after a checkpoint.

    Raises:
        UserError: the folder is in use, its newest checkpoint is damaged, of another run or past the last update, the
            disk is full, an actor failed, or a loss is not finite.
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
            if newest is None or checkpoint is None:
                training = Training(config, device, ranks)
            else:
                require_not_done(config, checkpoint.update, folder)
                with checkpoints.taking_over(newest):
                    training = resumed(config, device, ranks, checkpoint, newest)
            begun = training.updates
            with training.executor:
                try:
                    run_updates(training, folder, stop)
                except (ActorError, NonFiniteLossError) as error:
                    raise failed(error, training.updates, folder) from error
            if ranks.is_first and training.updates == begun:
                record_changes(config, begun, folder)
            ranks.meet()
            return training.updates >= config.learning.updates
    finally:
        leave_ranks(ranks)


def resumed(
    config: Config, device: torch.device, ranks: Ranks, checkpoint: checkpoints.Checkpoint, path: Path
) -> Training:
    """Return a training run as a checkpoint has it.

    Raises:
        UserError: the checkpoint is of another run.
        Exception: its state is not one of this run.
    """
    update, state = checkpoint
    require_same_run(config, state, path)
    for name, count in (("updates", state["updates"]), ("learner.updates", state["learner"]["updates"])):
        if type(count) is not int or count != update:
            raise ValueError(f"{name} is {count!r}, and the file is of update {update}")
    training = Training(config, device, ranks, 0 if keeps_worlds(config, ranks, state) else update)
    training.load_state_dict(state)
    return training


def keeps_worlds(config: Config, ranks: Ranks, state: dict[str, Any]) -> bool:
    """Return whether worlds continue from a checkpoint: with the serial executor and one learner process."""
    return bool(state.get("executor")) and config.executor == "serial" and ranks.size == 1


def require_not_done(config: Config, done: int, folder: RunFolder) -> None:
    """Raise `UserError` if a run has done more updates than its configuration asks for."""
    total = config.learning.updates
    if total < done:
        raise UserError(
            f"{folder.path} has done {done} updates, and learning.updates is {total}; ask for {done} or more"
        )


def record_changes(config: Config, update: int, folder: RunFolder) -> None:
    """Record in the folder how the configuration differs from the one there."""
    changes = differences(Config.from_dict(folder.config), config)
    if changes:
        folder.change(config.to_dict(), update, {change.field: (change.old, change.new) for change in changes})


def run_updates(training: Training, folder: RunFolder, stop: Stop) -> None:
    """Do updates until the last one or a request to stop; write metrics and checkpoints.

    Raises:
        ActorError: an actor failed.
        NonFiniteLossError: a loss was NaN or infinite.
    """
    config, ranks = training.config, training.ranks
    record, total, saved = config.record, config.learning.updates, training.updates
    begun = saved

    def save() -> None:
        training.check()  # so that no checkpoint is saved after a fault
        if ranks.is_first:
            state = training.state_dict() | {"config": config.to_dict()}
            checkpoints.save(folder.checkpoints, training.updates, state, record.checkpoints)

    with ExitStack() as shown:
        if ranks.is_first:
            metrics = shown.enter_context(MetricsWriter(folder, resume_at=saved))
            frames = config.learning.frames_per_update * ranks.size
            progress = shown.enter_context(Progress(total, frames, saved, shown=watched(config)))
        while training.updates < total and not ranks.any(stop.requested, training.device):
            training.update()
            done = training.updates
            if ranks.is_first and done == begun + 1:
                record_changes(config, begun, folder)  # now that the changed run has shown that it can go on
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
    """Return the metrics that the progress display shows for a run."""
    if config.policy == "walker":
        return SEEING
    return ACTING if config.has_frame_model else ACTING_MODEL_FREE


def failed(error: Exception, updates: int, folder: RunFolder) -> UserError:
    """Return the error that tells a user of a failed update."""
    good = checkpoints.latest(folder.checkpoints)
    remedy = "train again with a smaller --learning.learning-rate"
    if isinstance(error, NonFiniteLossError):
        updates = error.before
    else:
        remedy = f"mend what it complains of, then: simcore train --resume {shell_word(folder.path)}"
    return UserError(f"update {updates + 1}: {error}; the last good checkpoint is {good or 'none'}; {remedy}")
