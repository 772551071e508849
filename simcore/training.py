"""A training run: worlds, walker and learner, and the loop that joins them (until it is done or told to stop)."""

import hashlib
from typing import Any

import numpy as np
import torch

from simcore.acting import Actor
from simcore.config import Config
from simcore.errors import UserError
from simcore.learning.learner import Learner, NonFiniteLossError
from simcore.nested import plain, tree_map
from simcore.runs import MetricsWriter, Progress, RunFolder, checkpoints, graceful_interrupt
from simcore.system import SimCore, WorldSizes
from simcore.worlds import Walker, WorldVectorEnv, make_vector


def make_worlds(config: Config, num_envs: int) -> WorldVectorEnv:
    """Make a batch of the run's worlds."""
    return make_vector(config.level, num_envs, **vars(config.world))


def make_system(config: Config, worlds: WorldVectorEnv) -> SimCore:
    """Make the run's nets, with fresh weights, on the CPU."""
    num_headings = round(360 / config.world.turn_angle)
    sizes = WorldSizes(config.world.frame_size, len(worlds.action_names), config.world.size, num_headings)
    return SimCore(config, sizes)


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


def stream(seed: int, purpose: str) -> int:
    """Return a seed for one purpose of a run, so that no two purposes, and no two runs, draw the same."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:6], "little")


class Training:
    """All that a run goes on from; what it does next depends on this alone.

    Args:
        config: the run's configuration.
        device: where the nets are.
    """

    def __init__(self, config: Config, device: torch.device) -> None:
        self.config = config
        self.device = device
        worlds = make_worlds(config, config.learning.worlds)
        self.actor = Actor(worlds, Walker(worlds, seed=stream(config.seed, "walker")), stream(config.seed, "worlds"))
        torch.manual_seed(stream(config.seed, "weights"))
        self.system = make_system(config, worlds).to(device)
        self.learner = Learner(self.system, config.learning, config.simulation, stream(config.seed, "learner"))
        self.core_state = self.system.agent.initial_state(config.learning.worlds)
        self.updates = 0
        self._sums = torch.zeros(len(Learner.METRICS), device=device)
        self._summed = 0

    def update(self) -> None:
        """Collect one trajectory and learn from it.

        Raises:
            NonFiniteLossError: a loss is NaN or infinite; the weights have not been changed.
        """
        trajectory = self.actor.collect(self.config.learning.unroll_length, self.core_state)
        trajectory = tree_map(lambda tensor: tensor.to(self.device, non_blocking=True), trajectory)
        learned = self.learner.step(trajectory)
        self.core_state = learned.final_state
        self._sums += learned.metrics
        self._summed += 1
        self.updates += 1

    def take_metrics(self) -> dict[str, float]:
        """Return the means since the last call, and what can be counted."""
        means = (self._sums / max(self._summed, 1)).tolist()
        self._sums.zero_()
        self._summed = 0
        frames = self.updates * self.config.learning.frames_per_update
        return {"frames": frames, **dict(zip(Learner.METRICS, means, strict=True))}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the continuation depends on: tensors, numbers and strings alone."""
        return {
            "updates": self.updates,
            "learner": self.learner.state_dict(),
            "actor": {name: torch.from_numpy(np.array(value)) for name, value in self.actor.get_state().items()},
            "core_state": plain(self.core_state),
            "sums": self._sums,
            "summed": self._summed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.updates = state["updates"]
        self.learner.load_state_dict(state["learner"])
        self.actor.set_state({name: value.cpu().numpy() for name, value in state["actor"].items()})
        like = self.system.agent.initial_state(self.config.learning.worlds)
        self.core_state = tree_map(lambda _, leaf: leaf.to(self.device), like, state["core_state"])
        self._sums = state["sums"].to(self.device)
        self._summed = state["summed"]


def train(config: Config, folder: RunFolder) -> bool:
    """Train in a folder until the run's last update, from its newest checkpoint where it has one.

    Returns:
        Whether the run is complete; False if it was interrupted, after a checkpoint.

    Raises:
        UserError: the folder is in use, its newest checkpoint is damaged, the disk is full, or a loss is not finite.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    record, total = config.record, config.learning.updates
    with folder.lock(), graceful_interrupt() as stop:
        training = Training(config, choose_device(config.device))
        newest = checkpoints.latest(folder.checkpoints)
        if newest is not None:
            training.load_state_dict(checkpoints.load(newest, training.device).state)
        saved = training.updates
        with (
            MetricsWriter(folder, resume_at=saved) as metrics,
            Progress(total, config.learning.frames_per_update, saved) as progress,
        ):
            while training.updates < total and not stop.requested:
                try:
                    training.update()
                except NonFiniteLossError as error:
                    good = checkpoints.latest(folder.checkpoints)
                    raise UserError(
                        f"update {training.updates + 1}: {error}; the last good checkpoint is {good or 'none'}; "
                        "train again with a smaller --learning.learning-rate"
                    ) from error
                done = training.updates
                if done % record.metrics_every == 0 or done == total:
                    values = training.take_metrics()
                    metrics.write(done, values)
                    progress.show(done, values)
                else:
                    progress.show(done, {})
                if done % record.checkpoint_every == 0 or done == total:
                    checkpoints.save(folder.checkpoints, done, training.state_dict(), record.checkpoints)
                    saved = done
            if saved < training.updates:
                checkpoints.save(folder.checkpoints, training.updates, training.state_dict(), record.checkpoints)
    return training.updates >= total
