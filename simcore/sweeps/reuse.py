"""Reuse of other sweeps' finished runs: a run is determined by its configuration alone."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from simcore.common.atomic import TEMPORARY_SUFFIX, write_atomically
from simcore.common.errors import UserError
from simcore.common.reading import read_regular
from simcore.config.run import Config
from simcore.runs import RunFolder, RunInUseError
from simcore.sweeps.folder import PLAN, RUNS, RunFiles, Status, SweepFolder
from simcore.sweeps.scores import Scores

COPIED = ("metrics.jsonl", "tensorboard", "checkpoints")
"""In this order: a run with metrics but no checkpoint starts anew, one with a checkpoint but no metrics would not."""


def reuse_runs(folder: SweepFolder, sweeps: Iterable[Path]) -> Iterator[str]:
    """Copy finished runs of other sweeps to unfinished runs of this sweep with the same configuration.

    A run is copied if it was measured in the same number of worlds, and if no process trains in this sweep's folder
    for it.

    Args:
        folder: of the sweep with unfinished runs.
        sweeps: the other sweeps' folders.

    Yields:
        A line for each run that was copied.

    Raises:
        UserError: one of them is not a sweep's folder, or holds a damaged run.
    """
    missing = {run.config: run for run in folder.plan.runs if folder.status(run) is Status.UNFINISHED}
    for sweep in sweeps:
        for files, config in finished_runs(sweep, folder.plan.worlds):
            run = missing.pop(config, None)
            if run is None:
                continue
            try:
                take_over(files, folder.files(run))
            except RunInUseError:
                continue
            yield f"{run.name}: taken from {files.path}"


def finished_runs(sweep: Path, worlds: int) -> Iterator[tuple[RunFiles, Config]]:
    """Yield a sweep's finished runs that were measured in `worlds` worlds, with their configurations.

    Raises:
        UserError: it is not a sweep's folder, or a run is damaged.
    """
    if not os.path.isfile(sweep / PLAN):
        raise UserError(f"{sweep} holds no sweep whose runs could be used again")
    for path in sorted((sweep / RUNS).iterdir()):
        files = RunFiles(path)
        scores = Scores.read(files.scores)
        if scores is None or scores.worlds != worlds:
            continue
        config = Config.from_dict(RunFolder.open(path).config)
        if scores.update == config.learning.updates:  # else it was lengthened after the measurement
            yield files, config


def take_over(theirs: RunFiles, ours: RunFiles) -> None:
    """Copy a run's results, its scores last, so that an interrupted copy is an unfinished run.

    Raises:
        RunInUseError: a process trains in our run's folder.
    """
    with RunFolder.open(ours.path).lock():
        for name in COPIED:
            source, target = theirs.path / name, ours.path / name
            if source.is_dir():
                copy = target.with_name(name + TEMPORARY_SUFFIX)
                shutil.rmtree(copy, ignore_errors=True)  # of a process that was killed while copying
                _copy(source, copy)
                shutil.rmtree(target, ignore_errors=True)
                copy.rename(target)
            elif source.exists():
                write_atomically(target, read_regular(source))
        RunFolder.open(ours.path).metrics_ahead.unlink(missing_ok=True)
        write_atomically(ours.scores, read_regular(theirs.scores))


def _copy(source: Path, target: Path) -> None:
    """Copy a folder without permissions: somebody else's may be read-only, and ours is written."""
    target.mkdir()
    for file in source.iterdir():
        if file.is_dir():
            _copy(file, target / file.name)
        else:
            shutil.copyfile(file, target / file.name)
