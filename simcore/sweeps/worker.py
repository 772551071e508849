"""The process of one run of a sweep: `python -m simcore.sweeps RUN WORLDS JOBS` trains it to its end and measures it.

So many runs share the machine's cores at a time as JOBS says.
It continues from the run's newest checkpoint. The process that starts it holds the other end of its standard input:
when that is closed, on purpose or because the holder has died, the run writes a checkpoint and ends.
"""

import os
import signal
import sys
import threading
import traceback
from pathlib import Path

from simcore.analysis.loading import load_run
from simcore.common.errors import UserError
from simcore.common.spawning import LEFT_TO_THE_PARENT
from simcore.common.terminal import complain, show_every_letter
from simcore.common.threads import shared_cores
from simcore.common.user_code import UserCodeError
from simcore.config.run import Config
from simcore.runs import RunFolder, RunInUseError
from simcore.sweeps.folder import RunFiles, Status
from simcore.sweeps.scores import take_scores
from simcore.training.loop import train

FINISHED, UNUSABLE, IN_USE, STOPPED = 0, 2, 75, 76
"""Exit codes; any other means that the run has failed, as does `UNUSABLE`, after one line on standard error."""


def work(path: Path, worlds: int, jobs: int) -> int:
    """Train the run in a folder to its end, measure it and write its scores; return the exit code."""
    folder, files = RunFolder.open(path), RunFiles(path)
    config = Config.from_dict(folder.config)
    try:
        with shared_cores(1 if config.threads else jobs) as told:
            if told:
                print(told, flush=True)
            return train_and_measure(config, folder, files, worlds)
    except RunInUseError:
        return IN_USE


def train_and_measure(config: Config, folder: RunFolder, files: RunFiles, worlds: int) -> int:
    """Train a run to its end, measure it and write its scores; return the exit code."""
    if not train(config, folder, owns_process=True):
        return STOPPED
    with folder.lock():
        if files.status is not Status.FINISHED:
            take_scores(load_run(folder, config.device), worlds).write(files.scores)
    return FINISHED


def stop_with_the_holder() -> None:
    """Wait until standard input is closed, then send this process SIGTERM, which acts as Ctrl-C."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """Run `work` with the command line's arguments; return the exit code."""
    for warning in (signal.SIGHUP, signal.SIGUSR1):  # a batch system sends it to all; the sweep decides what ends
        signal.signal(warning, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, LEFT_TO_THE_PARENT)  # blocked by what has started this process
    show_every_letter()
    threading.Thread(target=stop_with_the_holder, daemon=True).start()
    path, worlds, jobs = sys.argv[1:]
    try:
        return work(Path(path), int(worlds), int(jobs))
    except UserError as error:
        if isinstance(error, UserCodeError):
            traceback.print_exception(error)  # into the run's log, which nobody can ask again
        complain(str(error))
        return UNUSABLE
