"""Looking into a finished or running run: what its belief knows, and what its model expects to see."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from simcore.agent import Agent
from simcore.analysis.fresh_probes import (
    FreshProbes,
    collect,
    observe,
)
from simcore.build import make_system, make_worlds
from simcore.common.devices import choose_device
from simcore.common.errors import UserError
from simcore.common.precision import set_precision
from simcore.config.run import Config
from simcore.data.trajectory import Trajectory
from simcore.probes import Probes
from simcore.runs import AnyRun, ExportedRun, checkpoints, open_run
from simcore.session import BeliefSession, ReadBy
from simcore.simulation import SimCoreHead
from simcore.system import SimCore
from simcore.worlds.api import Worlds
from simcore.worlds.making import TellsPreviousAction, make_env


@dataclass(frozen=True)
class LoadedRun:
    """A run's nets at its newest checkpoint."""

    config: Config
    """What the run is."""
    system: SimCore
    """All its nets."""
    device: torch.device
    """Where they are."""
    update: int
    """How many updates they have had."""

    fresh: FreshProbes
    """Probes that are trained on the frozen belief when they are first asked for."""
    online: bool = False
    """Read the belief by the probes that were trained along with it instead."""

    @property
    def agent(self) -> Agent:
        """Encoder, belief core, and policy and value where the agent acts."""
        return self.system.agent

    def make_env(self, render_mode: str | None = None) -> TellsPreviousAction:
        """Make one Gymnasium environment of the run's world, which `reset(seed=)` seeds, for a session to look at.

        Args:
            render_mode: "rgb_array" or None.

        Raises:
            UserError: there is no such environment here.
        """
        try:
            return make_env(self.config.level, self.config.world, render_mode)
        except ValueError as error:
            raise UserError(str(error)) from error

    def make_worlds(self, num_envs: int) -> Worlds:
        """Make a batch of the run's worlds, in Gymnasium's next-step autoreset mode.

        Raises:
            UserError: there is no such environment here.
        """
        return make_worlds(self.config, num_envs)

    def session(
        self,
        batch: int | None = None,
        probes: Literal["auto", "fresh", "online", "none"] = "auto",
        seed: int = 0,
        greedy: bool = False,
    ) -> BeliefSession:
        """Return the run's belief, live; its `read_by` says which probes read it.

        Args:
            batch: N, worlds side by side; None: one world.
            probes: fresh ones, which are trained first where the run's folder holds none for these weights; those that
                were trained online; none; or auto: the fresh ones if the folder holds them, else the online ones.
            seed: of actions and imagined frames.
            greedy: take the most likely action and draw none.

        Raises:
            UserError: there are no such probes, or `batch` is not positive.
        """
        reader, read_by = self._session_probes(probes)
        return BeliefSession(
            self.agent,
            self.system.simulation,
            reader,
            self.system.map_model,
            batch=batch,
            seed=seed,
            greedy=greedy,
            reward_scale=self.config.reinforcement.reward_scale,
            read_by=read_by,
        )

    def _session_probes(self, wanted: str) -> tuple[Probes | None, ReadBy]:
        if wanted not in ("auto", "fresh", "online", "none"):
            raise UserError(f"probes is {wanted!r}; allowed are auto, fresh, online and none")
        if wanted == "none" or (wanted == "auto" and self.system.probes is None):
            return None, "nothing"
        online = self.online_probes
        fresh = None
        if wanted == "auto" and not self.online:
            fresh = self.fresh.kept()
        elif wanted == "fresh":
            fresh = self.fresh.get(["belief"])["belief"]
        return (online, "online") if fresh is None else (fresh, "fresh")

    def collect(self, purpose: str, worlds: int, rows: int) -> Trajectory:
        """Let the run's policy make one trajectory in new worlds, `[rows, worlds, ...]`; `purpose` seeds them."""
        return collect(self.config, self.system.agent, purpose, worlds, rows)

    def observe(self, trajectory: Trajectory) -> Tensor:
        """Form this run's beliefs `[T, W, *]` along a trajectory from episodes' start, whoever made it."""
        return observe(self.system.agent, trajectory)

    @property
    def online_probes(self) -> Probes:
        """The probes that were trained along with the belief.

        Raises:
            UserError: it has none.
        """
        if self.system.probes is None:
            raise UserError(
                f"this run has no probes: {self.config.level} tells nothing for them to read, see world.targets, "
                "or it was trained with --learning.probe-times 0"
            )
        return self.system.probes

    @property
    def probes(self) -> Probes:
        """What reads the run's belief: fresh probes, unless it was loaded to be read by the online ones.

        Raises:
            UserError: the run's belief is not to be probed.
        """
        online = self.online_probes
        return online if self.online else self.fresh.get(["belief"])["belief"]

    @property
    def simulation(self) -> SimCoreHead:
        """The run's simulation.

        Raises:
            UserError: it has none.
        """
        if self.system.simulation is None:
            raise UserError(
                "this run has no frame model, so it expects nothing; "
                "train one with neither --frame-model none nor --supervised"
            )
        return self.system.simulation


def load(path: str | Path, device: str = "auto", online: bool = False) -> LoadedRun:
    """Load a run's nets at its newest checkpoint.

    Args:
        path: the run's folder, or a file that `simcore export` has made of it.
        device: cpu, cuda, ...; auto takes a GPU where there is one.
        online: read its belief by the probes that were trained along with it, not by fresh ones.

    Raises:
        UserError: there is no such run, it has no checkpoint, or it is damaged.
    """
    return load_run(open_run(path), device, online)


def load_run(run: AnyRun, device: str = "auto", online: bool = False) -> LoadedRun:
    """Load the nets of a run's newest checkpoint, or of an exported run.

    Args:
        run: the run.
        device: where to.
        online: read its belief by the probes that were trained along with it, not by fresh ones.

    Raises:
        UserError: the run has no checkpoint, or a damaged one.
    """
    config = Config.from_dict(run.config)
    target = choose_device(device)
    set_precision(config.precision)
    weights, update = newest_weights(run, target)
    system = make_system(config).to(target)
    system.load_state_dict(weights)
    fresh = FreshProbes(config, system.eval(), update, run.path / "probes")
    return LoadedRun(config, system, target, update, fresh, online)


def newest_weights(run: AnyRun, device: torch.device) -> tuple[dict[str, Tensor], int]:
    """Return the newest state dict of a run's nets, and how many updates it has had.

    Raises:
        UserError: the run has no checkpoint, or it or the exported file is damaged.
    """
    if isinstance(run, ExportedRun):
        return run.weights(), run.update
    newest = checkpoints.latest(run.checkpoints)
    if newest is None:
        raise UserError(f"{run.path} has no checkpoint yet; train until its first, or resume it")
    checkpoint = checkpoints.load(newest, device)
    return checkpoint.state["learner"]["system"], checkpoint.update
