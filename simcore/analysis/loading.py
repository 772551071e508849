"""Loading a finished, running or exported run: the newest weights into its nets."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from simcore.analysis.fresh_probes import FreshProbes
from simcore.analysis.loaded_run import LoadedRun
from simcore.build import make_system
from simcore.common.devices import choose_device
from simcore.common.errors import UserError
from simcore.common.finite import first_not_finite
from simcore.common.precision import set_precision
from simcore.config.differences import require_same_run
from simcore.config.run import Config
from simcore.runs import AnyRun, ExportedRun, checkpoints, open_run


def load(path: str | Path, device: str = "auto", online: bool = False) -> LoadedRun:
    """Load a run's nets at its newest checkpoint.

    Args:
        path: the run's folder, or a file written by `simcore export`; or the name of a shipped run, such as
            `random-city`, or `hf:owner/name` for one on the Hugging Face Hub.
        device: cpu, cuda, ...; auto takes a GPU where there is one.
        online: read the belief by the online probes, trained along with it, instead of fresh ones.

    Raises:
        UserError: there is no such run, it has no checkpoint, or it is damaged.
    """
    return load_run(open_run(path), device, online)


def load_run(run: AnyRun, device: str = "auto", online: bool = False, out: Path | None = None) -> LoadedRun:
    """Load the nets of a run's newest checkpoint, or of an exported run.

    Args:
        run: the run.
        device: cpu, cuda, ...; auto takes a GPU where there is one.
        online: read the belief by the online probes, trained along with it, instead of fresh ones.
        out: the folder of results, in which fresh probes are kept; None: the run's own.

    Raises:
        UserError: the run has no checkpoint, or a damaged one.
    """
    target = choose_device(device)
    return load_weights(run, newest_weights(run, target), target, online, out)


def load_weights(
    run: AnyRun, weights: "NewestWeights", device: torch.device, online: bool = False, out: Path | None = None
) -> LoadedRun:
    """Load weights into a run's nets; arguments are as in `load_run`.

    Raises:
        UserError: they do not fit.
    """
    config = Config.from_dict(run.config)
    set_precision(config.precision)
    if isinstance(run, ExportedRun):  # whose configuration, a stranger's, may ask for any amount of memory
        _require_fit(config, weights)
    with torch.random.fork_rng(devices=[]):  # the initial weights are overwritten
        system = make_system(config).to(device)
    with checkpoints.taking_over(weights.file):
        system.load_state_dict(weights.state)
        bad = first_not_finite(system.named_parameters())
        if bad is not None:
            raise ValueError(f"{bad} is not finite")
    fresh = FreshProbes(config, system.eval(), weights.update, (out or run.path) / "probes", run.path / "probes")
    return LoadedRun(
        config,
        system,
        device,
        weights.update,
        fresh,
        online,
        is_exported=isinstance(run, ExportedRun),
        frames=weights.frames,
    )


class NewestWeights(NamedTuple):
    """The newest weights of a run, and where they are from."""

    file: Path
    """The checkpoint or the exported file."""
    state: dict[str, Tensor]
    """The state dict of the run's nets."""
    update: int
    """The number of their updates."""
    frames: int
    """The number of frames they have learned from."""


def _require_fit(config: Config, weights: NewestWeights) -> None:
    """Raise `UserError` unless weights fit the nets of a configuration, which take no memory here."""
    with torch.device("meta"):
        system = make_system(config)
    with checkpoints.taking_over(weights.file):
        system.load_state_dict(weights.state, assign=True)


def newest_weights(run: AnyRun, device: torch.device) -> NewestWeights:
    """Return the newest weights of a run's nets on a device; those of an exported run are on the CPU.

    Raises:
        UserError: the run has no checkpoint, or it or the exported file is damaged or of another run.
    """
    config = Config.from_dict(run.config)
    frames_per_update = config.learning.frames_per_update  # of one process, as in early versions
    if isinstance(run, ExportedRun):
        frames = run.update * frames_per_update if run.card is None else run.card.frames
        return NewestWeights(run.file, run.weights(), run.update, frames)
    newest = checkpoints.latest(run.checkpoints)
    if newest is None:
        raise UserError(f"{run.path} has no checkpoint yet; train until its first, or resume it")
    checkpoint = checkpoints.load(newest, device)
    with checkpoints.taking_over(newest):
        require_same_run(config, checkpoint.state, newest)
        frames = int(checkpoint.state.get("frames", checkpoint.update * frames_per_update))
        return NewestWeights(newest, dict(checkpoint.state["learner"]["system"]), checkpoint.update, frames)
