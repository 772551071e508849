"""Looking into a finished or running run: what its belief knows, and what its model expects to see."""

from dataclasses import dataclass

import torch
from torch import Tensor

from simcore.analysis.fresh_probes import (
    FreshProbes,
    collect,
    observe,
)
from simcore.build import make_system
from simcore.common.devices import choose_device
from simcore.common.errors import UserError
from simcore.common.precision import set_precision
from simcore.config.run import Config
from simcore.data.trajectory import Trajectory
from simcore.probes import Probes
from simcore.runs import AnyRun, ExportedRun, checkpoints
from simcore.simulation import SimCoreHead
from simcore.system import SimCore


@dataclass(frozen=True)
class LoadedRun:
    """A run's nets at its newest checkpoint."""

    config: Config
    system: SimCore
    device: torch.device
    update: int

    fresh: FreshProbes
    """Probes that are trained on the frozen belief when they are first asked for."""
    online: bool = False
    """Read the belief by the probes that were trained along with it instead."""

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
