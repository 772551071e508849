"""The state of a training run, and one update of it."""

import logging
import time
from pathlib import Path
from typing import Any

import torch

from simcore.acting import ActorError, CollectedBatch, Ledger
from simcore.build import make_executor, make_learner, make_system, world_sizes
from simcore.common.distributed import Ranks
from simcore.common.seeding import derive_seed
from simcore.common.tree import plain, to_device
from simcore.common.watchdog import StoppedWaiting
from simcore.config.differences import require_same_run
from simcore.config.run import Config
from simcore.data.trajectory import join_trajectories
from simcore.memory import CoreState
from simcore.runs import checkpoints
from simcore.training.statistics import Statistics

logger = logging.getLogger(__name__)


class Training:
    """The state of a training run; with the serial executor, its continuation depends on this alone.

    Args:
        config: the run's configuration.
        device: where the nets are.
        ranks: the processes that learn together.
        updates_before: the number of earlier updates, so that worlds that begin anew are not the same again.
    """

    def __init__(
        self, config: Config, device: torch.device, ranks: Ranks | None = None, updates_before: int = 0
    ) -> None:
        self.config = config
        self.device = device
        self.ranks = ranks or Ranks()
        torch.manual_seed(derive_seed(config.seed, "weights"))
        sizes = world_sizes(config)
        self.system = make_system(config, sizes).to(device)
        self.ranks.share(self.system.state_dict().values())  # another make of CPU may round initial weights otherwise
        self.learner = make_learner(config, self.system, self.ranks)
        self.executor = make_executor(config, self.system.agent, updates_before, self.ranks)
        self.ledger = Ledger()
        self.updates = 0
        self.frames = 0
        """Frames learned from, of all ranks."""
        self.worlds_lost = False
        """Whether an actor was interrupted in a trajectory, after which its worlds cannot continue."""
        self.core_states: dict[int, CoreState] = {}
        """The belief core's state after an actor's last trajectory, by actor, if the actor has no belief itself."""
        self.statistics = Statistics(config, device, sizes.episode_metrics)

    @property
    def _frames_per_update(self) -> int:
        return self.config.learning.frames_per_update * self.ranks.size

    def update(self) -> None:
        """Take a batch of trajectories and do one update; `check` reports whether its losses were finite.

        Raises:
            ActorError: an actor failed.
        """
        taken = self._take()
        begin = time.perf_counter()
        for collected in taken.parts:
            self.ledger.book(collected)
        core = self.system.agent.core
        trajectory = join_trajectories([collected.trajectory for collected in taken.parts], core.join)
        actor = taken.parts[0].actor
        has_belief = trajectory.initial_state is not None
        if not has_belief:
            state = self.core_states.get(actor) or self.system.agent.initial_state(self.config.learning.worlds)
            trajectory = trajectory._replace(initial_state=state)
        result = self.learner.step(self.learner.prepare(trajectory))
        if not has_belief:
            self.core_states[actor] = result.final_state
        self.statistics.add(result.metrics, result.weights, taken, self.updates, time.perf_counter() - begin)
        self.updates += 1
        self.frames += self._frames_per_update
        self.executor.publish(self.updates)

    def _take(self) -> CollectedBatch:
        """Take a batch of trajectories, on all ranks or on none; otherwise some would wait for others' gradients."""
        taken, failure = None, None
        try:
            taken = self.executor.take(self.config.trajectories_per_update)
        except BaseException as error:  # also StoppedWaiting
            failure = error
        if self.ranks.any(failure is not None, self.device):
            self.worlds_lost = True
            is_stop = failure is None or isinstance(failure, StoppedWaiting)
            has_failed = self.ranks.any(not is_stop, self.device)
            if failure is not None:
                raise failure
            if has_failed:
                raise ActorError("an actor of another process failed, which says what happened")
            raise StoppedWaiting
        assert taken is not None, "else there was a failure"
        return taken

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
        counted = {"trajectories": self.ledger.used, "replaced": self.executor.replaced}
        means, report = self.statistics.take(self.ranks, self.learner.fault.report())
        self.learner.fault.complain(report)
        return {**means, **counted}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the continuation depends on, as tensors, numbers and strings only.

        Lost worlds are left out, and new ones begin.
        """
        keeps = self.config.executor == "serial" and self.ranks.size == 1 and not self.worlds_lost
        return {
            "updates": self.updates,
            "frames": self.frames,
            "ranks": self.ranks.size,
            "learner": self.learner.state_dict(),
            "executor": self.executor.state_dict() if keeps else {},
            "ledger": self.ledger.state_dict(),
            "core_states": {actor: plain(state) for actor, state in self.core_states.items()} if keeps else {},
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
            self.core_states = {
                actor: to_device(self.system.agent.core.restored(saved), self.device)
                for actor, saved in state["core_states"].items()
            }
        self.statistics.load_state_dict(state["statistics"])
        if not self.ranks.is_first:  # whose they are
            self.statistics.forget_episodes()
        self.executor.publish(self.updates)


def resumed(
    config: Config, device: torch.device, ranks: Ranks, checkpoint: checkpoints.Checkpoint, path: Path
) -> Training:
    """Return the training run of a checkpoint.

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
