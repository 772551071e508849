"""Finished runs of other sweeps, taken over in place of being run again: a run follows from its configuration alone."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from simcore.common.atomic import write_atomically
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.runs import RunFolder, RunInUseError
from simcore.sweeps.folder import PLAN, RUNS, RunFiles, Status, SweepFolder
from simcore.sweeps.scores import Scores

COPIED = ("metrics.jsonl", "tensorboard", "checkpoints")
"""In this order: metrics without a checkpoint are begun anew, a checkpoint without its metrics would not be."""


def reuse_runs(folder: SweepFolder, sweeps: Iterable[Path]) -> Iterator[str]:
    """Copy finished runs of other sweeps to where this one has runs of the same configuration to do.

    A run is taken if it was measured in as many worlds. One that a process is at, here, is left to it.

    Args:
        folder: of the sweep with runs to do.
        sweeps: the other sweeps' folders.

    Yields:
        A line for each run that was taken.

    Raises:
        UserError: one of them is no sweep's folder, or holds a damaged run.
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
    """Yield a sweep's runs that are finished and were measured in so many worlds, with their configurations.

    Raises:
        UserError: it is no sweep's folder, or a run is damaged.
    """
    if not (sweep / PLAN).exists():
        raise UserError(f"{sweep} holds no sweep whose runs could be used again")
    for path in sorted((sweep / RUNS).iterdir()):
        files = RunFiles(path)
        scores = Scores.read(files.scores)
        if scores is None or scores.worlds != worlds:
            continue
        config = Config.from_dict(RunFolder.open(path).config)
        if scores.update == config.learning.updates:  # else it was lengthened after it had been measured
            yield files, config


def take_over(theirs: RunFiles, ours: RunFiles) -> None:
    """Copy what a run has come to, its scores last; killed in between, the run is unfinished, and goes on.

    Raises:
        RunInUseError: a process is at ours.
    """
    with RunFolder.open(ours.path).lock():
        for name in COPIED:
            source, target = theirs.path / name, ours.path / name
            if source.is_dir():
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(source, target)
            elif source.exists():
                shutil.copy(source, target)
        write_atomically(ours.scores, theirs.scores.read_bytes())
