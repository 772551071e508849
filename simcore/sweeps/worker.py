"""The process of one run of a sweep: `python -m simcore.sweeps RUN WORLDS` trains the run to its end and measures it.

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
from simcore.common.user_code import UserCodeError
from simcore.config.run import Config
from simcore.runs import RunFolder, RunInUseError
from simcore.sweeps.folder import RunFiles, Status
from simcore.sweeps.scores import take_scores
from simcore.training.loop import train

FINISHED, UNUSABLE, IN_USE, STOPPED = 0, 2, 75, 76
"""Exit codes; any other means that the run has failed, as does `UNUSABLE`, after one line on standard error."""


def work(path: Path, worlds: int) -> int:
    """Train the run in a folder to its end, measure it and write its scores; return the exit code."""
    folder, files = RunFolder.open(path), RunFiles(path)
    config = Config.from_dict(folder.config)
    try:
        if not train(config, folder):
            return STOPPED
        with folder.lock():
            if files.status is not Status.FINISHED:
                take_scores(load_run(folder, config.device), worlds).write(files.scores)
    except RunInUseError:
        return IN_USE
    return FINISHED


def stop_with_the_holder() -> None:
    """Wait until standard input is closed, then send this process SIGTERM, which acts as Ctrl-C."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """Run `work` with the command line's arguments; return the exit code."""
    threading.Thread(target=stop_with_the_holder, daemon=True).start()
    path, worlds = sys.argv[1:]
    try:
        return work(Path(path), int(worlds))
    except UserError as error:
        if isinstance(error, UserCodeError):
            traceback.print_exception(error)  # into the run's log, which nobody can ask again
        print(f"simcore: {error}", file=sys.stderr)
        return UNUSABLE
