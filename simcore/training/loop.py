"""A training run: actors, learner, and the loop around them, until the last update or an interruption."""

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
from simcore.frame_models import GECOConfig
from simcore.learning.compiling import require_compiler
from simcore.learning.fault import NonFiniteLossError
from simcore.memory import CoreState
from simcore.objectives import ActorCriticObjective, FramePrediction, Probing
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
from simcore.training.returns import ReturnsWatch
from simcore.training.statistics import Statistics


def check(config: Config) -> None:
    """Check, before a run begins, that what it needs is there.

    Raises:
        UserError: the device, a compiler, the environment or what it is to tell, a probe head or Ray is missing, or
            --graph has no GPU.
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
        self.worlds_lost = False
        """Whether an actor was interrupted in a trajectory, after which its worlds cannot continue."""
        self.core_states: dict[int, CoreState] = {}
        """The belief core's state after an actor's last trajectory, by actor, if the actor has no belief itself."""
        self.statistics = Statistics(config, device, sizes.episode_metrics)

    def update(self) -> None:
        """Take a batch of trajectories and do one update; `check` tells whether its losses were finite.

        Raises:
            ActorError: an actor failed.
        """
        try:
            taken = self.executor.take(self.config.trajectories_per_update)
        except BaseException:
            self.worlds_lost = True
            raise
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
        self.statistics.add(result.metrics, result.weights, taken, self.updates, time.perf_counter() - begin)
        self.updates += 1
        self.executor.publish(self.updates)

    def check(self) -> None:
        """Check that all losses so far were finite, and that weights and moments are.

        Raises:
            NonFiniteLossError: one is not; if it is a loss, the weights are unchanged since.
        """
        self.learner.check()

    def take_metrics(self) -> dict[str, float]:
        """Return the means since the last call, and the counters; the host waits for a GPU here.

        Raises:
            NonFiniteLossError: a loss was NaN or infinite; the weights are unchanged since.
        """
        frames = self.updates * self.config.learning.frames_per_update * self.ranks.size
        counted = {"trajectories": self.ledger.used, "replaced": self.executor.replaced}
        means, report = self.statistics.take(self.ranks, self.learner.fault.report())
        self.learner.fault.complain(report)
        return {"frames": frames, **means, **counted}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the continuation depends on, as tensors, numbers and strings only.

        Without worlds that are lost: new ones begin then.
        """
        has_worlds = self.ranks.size == 1 and not self.worlds_lost
        return {
            "updates": self.updates,
            "learner": self.learner.state_dict(),
            "executor": self.executor.state_dict() if has_worlds else {},
            "ledger": self.ledger.state_dict(),
            "core_states": {actor: plain(state) for actor, state in self.core_states.items()},
            "statistics": self.statistics.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; worlds that were not saved begin anew."""
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

    If the configuration differs from the folder's, it is recorded there once the run continues; the caller checks which
    fields may change (`require_changeable`).

    Started by `torchrun`, several processes train the run together, and the first one writes its folder.

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
                    raise failed(error, training, folder) from error
            ranks.meet()
            return training.updates >= config.learning.updates
    finally:
        leave_ranks(ranks)


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
        ActorError: an actor failed; there is a checkpoint, with which worlds begin anew.
        NonFiniteLossError: a loss was NaN or infinite.
    """
    config, ranks = training.config, training.ranks
    record, total, saved = config.record, config.learning.updates, training.updates

    def save() -> None:
        training.check()  # so that no checkpoint is saved after a fault, or with one
        if ranks.is_first:
            checkpoints.save(folder.checkpoints, training.updates, training.state_dict(), record.checkpoints)

    with ExitStack() as shown:
        if ranks.is_first:
            metrics = shown.enter_context(MetricsWriter(folder, resume_at=saved))
            frames = config.learning.frames_per_update * ranks.size
            progress = shown.enter_context(Progress(total, frames, saved, shown=watched(config)))
            returns = ReturnsWatch(config, training.system.agent.core.output_size)
        try:
            while training.updates < total and not ranks.any(stop.requested, training.device):
                training.update()
                done = training.updates
                values = training.take_metrics() if done % record.metrics_every == 0 or done == total else {}
                if ranks.is_first:
                    if values:
                        metrics.write(done, values)
                        returns.look(values)
                    progress.show(done, values)
                if done % record.checkpoint_every == 0 or done == total:
                    save()
                    saved = done
        except Exception:
            if training.worlds_lost and saved < training.updates:
                save()
            raise
        if saved < training.updates:
            save()


def watched(config: Config) -> tuple[str, ...]:
    """Return the metrics that the progress display shows for a run."""
    if config.policy == "walker":
        return SEEING
    return ACTING if config.has_frame_model else ACTING_MODEL_FREE


def failed(error: Exception, training: Training, folder: RunFolder) -> UserError:
    """Return the error that tells a user of a failed update."""
    good, updates = checkpoints.latest(folder.checkpoints), training.updates
    if isinstance(error, NonFiniteLossError):
        updates, remedy = error.before, f"train again with {cure(error.part, training)}"
    else:
        remedy = f"mend what it complains of, then: simcore train --resume {folder.path}"
    return UserError(f"update {updates + 1}: {error}; the last good checkpoint is {good or 'none'}; {remedy}")


def cure(part: str, training: Training) -> str:
    """Return what may keep a loss or a weight finite, by the name of its objective or its own."""
    system, name = training.system, part.removeprefix("objectives.").partition(".")[0]
    multiplier = system.simulation.frame_model.multiplier if system.simulation is not None else 0.0
    if ".geco." in part or (name == FramePrediction.name and multiplier > GECOConfig().maximum):
        return "a smaller --geco.rate or --geco.maximum"
    if name == Probing.name and not training.config.supervised:
        return "a smaller --learning.probe-learning-rate"
    if name in system.objectives and system.objectives[name].learning_rate is not None:
        return f"a smaller learning rate of {name}"
    if name in (ActorCriticObjective.name, "gradient norm") and system.agent.heads is not None:
        return "a smaller --reinforcement.reward-scale if rewards are large, or a smaller --learning.learning-rate"
    return "a smaller --learning.learning-rate"
