"""A training run: its updates, until the last one or an interruption."""

import logging
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import torch

from simcore.acting import ActorError
from simcore.acting.on_ray import import_ray
from simcore.build import check_worlds
from simcore.common.devices import choose_device
from simcore.common.digest import digest_of
from simcore.common.distributed import Ranks, join_ranks, leave_ranks
from simcore.common.errors import UserError
from simcore.common.user_code import as_user_code_error
from simcore.common.watchdog import StoppedWaiting
from simcore.config.differences import INCIDENTAL, fields_of
from simcore.config.run import Config
from simcore.learning.compiling import require_compiler
from simcore.learning.fault import NonFiniteLossError
from simcore.runs import RunFolder, Stop, checkpoints, graceful_interrupt
from simcore.runs.sinks import sinks
from simcore.runs.weights_and_biases import import_wandb
from simcore.training.cores import share_cores
from simcore.training.failures import ended_at_once, failed, unheard
from simcore.training.recorder import Recorder
from simcore.training.training import Training, resumed

logger = logging.getLogger(__name__)


def check(config: Config) -> None:
    """Check, before a run begins, that everything it needs is available.

    Raises:
        UserError: the device, a compiler, the environment or its targets, a probe head or Ray is missing, or
            --graph has no GPU; or a requested sink is missing.
    """
    device = choose_device(config.device)
    if config.graph and device.type != "cuda":
        raise UserError(f"--graph records an update on a GPU, and the device is {device.type}; say --no-graph")
    if config.compile:
        require_compiler()
    check_worlds(config)
    if config.executor == "ray":
        import_ray()
    if config.record.wandb is not None:
        import_wandb()
    for name in config.record.sinks:
        sinks.find(name)


def train(config: Config, folder: RunFolder, owns_process: bool = False, shows: bool = True) -> bool:
    """Train in a folder until the run's last update, from its newest checkpoint if it has one.

    If the configuration differs from the folder's, it is recorded there after the first update with it; the caller
    checks which fields may change (`require_changeable`).

    Started by `torchrun`, several processes train the run together, and the first one writes its folder.

    Args:
        config: the run's configuration.
        folder: the run's folder.
        owns_process: whether a third Ctrl-C ends the process at once; else it raises `KeyboardInterrupt`.
        shows: whether progress is shown on standard output.

    Returns:
        Whether the run is complete; False if it was interrupted, after a checkpoint.

    Raises:
        UserError: the folder is in use, its newest checkpoint is damaged, of another run or past the last update, the
            disk is full, an actor or a user's own code failed, or a loss is not finite.
        BrokenPipeError: the reader of the progress has gone; there is a checkpoint.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    device = choose_device(config.device)
    ranks = join_ranks(device)
    if config.graph and ranks.size > 1:
        leave_ranks(ranks)
        raise UserError(f"--graph records what one process does, and there are {ranks.size}; leave it out")
    asked = "Stopping after this update, with a checkpoint"
    end = partial(ended_at_once, folder) if owns_process else None
    try:
        lock = folder.lock() if ranks.is_first else nullcontext()
        with lock, graceful_interrupt(asked, end) as stop, share_cores(config) as told:
            if told and shows and ranks.is_first:
                print(told, flush=True)
            training = begin(config, device, ranks, folder)
            with training.executor, Recorder(training, folder, shows) as recorder:
                try:
                    run_updates(training, recorder, stop)
                except Exception as error:
                    failure = error if isinstance(error, ActorError | NonFiniteLossError) else as_user_code_error(error)
                    if failure is None:  # the folder's, or a bug in SimCore itself
                        raise
                    raise failed(failure, training, folder) from error
            ranks.meet()
            if recorder.unshown is not None and not stop.requested:
                raise unheard(recorder.unshown, folder)
            return training.updates >= config.learning.updates
    except StoppedWaiting:
        return False
    finally:
        leave_ranks(ranks)


def begin(config: Config, device: torch.device, ranks: Ranks, folder: RunFolder) -> Training:
    """Return the training run of the folder's newest checkpoint, or a new one.

    Raises:
        UserError: the checkpoint is damaged, of another run, or past the last update.
    """
    own = checkpoints.latest(folder.checkpoints)
    name = ranks.told(None if own is None else own.name)  # others may not see the newest yet, or have no such folder
    newest = None if name is None else folder.checkpoints / name
    training = Training(config, device, ranks) if newest is None else load(config, device, ranks, folder, newest)
    if newest is None and ranks.is_first and folder.metrics.exists() and folder.metrics.stat().st_size:
        logger.warning(
            "%s has no checkpoint, so it begins anew; earlier metrics stay in %s until it has passed them",
            folder.path,
            folder.metrics_ahead.name,
        )
    if ranks.size > 1:
        fields = {name: value for name, value in fields_of(config).items() if name not in INCIDENTAL}
        ranks.require_same(f"{fields}", "settings")
        ranks.require_same(f"{training.updates} {digest_of(training.system.state_dict())}", "weights")
    return training


def load(config: Config, device: torch.device, ranks: Ranks, folder: RunFolder, newest: Path) -> Training:
    """Return the training run of a checkpoint.

    Raises:
        UserError: the checkpoint is missing, damaged, of another run, or past the last update.
    """
    if not ranks.is_first and not newest.exists():
        raise UserError(f"{newest} is not here: all machines must share the run's folder")
    checkpoint = checkpoints.load(newest, device)
    done, total = checkpoint.update, config.learning.updates
    if done > total:
        raise UserError(
            f"{folder.path} has done {done} updates, and learning.updates is {total}; ask for {done} or more"
        )
    with checkpoints.taking_over(newest):
        return resumed(config, device, ranks, checkpoint, newest)


def run_updates(training: Training, recorder: Recorder, stop: Stop) -> None:
    """Do updates until the last one, a request to stop, or progress that cannot be shown.

    Raises:
        ActorError: an actor failed; there is a checkpoint, with which worlds begin anew.
        StoppedWaiting: the same, if it was asked to stop while it waited for an actor that does not answer.
        NonFiniteLossError: a loss was NaN or infinite.
    """
    total, ranks = training.config.learning.updates, training.ranks
    try:
        while training.updates < total:
            if ranks.any(stop.requested or recorder.unshown is not None, training.device):
                break
            training.update()
            recorder.after_update()
    except (Exception, StoppedWaiting):
        if training.worlds_lost:  # on all ranks, of which the first saves
            recorder.save()
            ranks.meet()
        raise
    recorder.finish()
