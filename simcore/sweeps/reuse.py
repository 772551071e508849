"""Reuse of other sweeps' runs: a run is determined by its configuration alone, and a longer one begins as a shorter."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from simcore.common.atomic import TEMPORARY_SUFFIX, write_atomically
from simcore.common.errors import UserError
from simcore.common.reading import read_regular
from simcore.config.run import Config
from simcore.runs import RunFolder, RunInUseError, checkpoints
from simcore.sweeps.folder import PLAN, RUNS, RunFiles, Status, SweepFolder
from simcore.sweeps.scores import Scores

COPIED = ("origin.json", "metrics.jsonl", "tensorboard", "probes", "checkpoints")
"""In this order: a run with metrics but no checkpoint starts anew, one with a checkpoint but no metrics would not."""


class Offer(NamedTuple):
    """A run of another sweep."""

    files: RunFiles
    config: Config
    updates: int
    """The updates of its newest checkpoint."""
    is_whole: bool
    """Whether it is finished, and measured in as many worlds as this sweep's runs are."""


def reuse_runs(folder: SweepFolder, sweeps: Iterable[Path]) -> Iterator[str]:
    """Copy runs of other sweeps to unfinished runs of this sweep with the same configuration.

    A finished run is copied with its scores, if it was measured in the same number of worlds. Of runs that are the same
    but for their length, and shorter, the longest is copied without scores, so that this sweep goes on from its newest
    checkpoint. Nothing is copied where a process trains in either folder, which a line says, or where this
    sweep's run is as far itself.

    Args:
        folder: of the sweep with unfinished runs.
        sweeps: the other sweeps' folders.

    Yields:
        A line for each run that was copied, or could have been.

    Raises:
        UserError: one of them is not a sweep's folder, or holds a damaged run.
    """
    offered: dict[Config, list[Offer]] = {}
    for sweep in sweeps:
        for offer in offers(sweep, folder.plan.worlds):
            offered.setdefault(of_any_length(offer.config), []).append(offer)
    for run in folder.plan.runs:
        if folder.status(run) is not Status.UNFINISHED:
            continue
        files, alike = folder.files(run), offered.get(of_any_length(run.config), [])
        whole = next((offer for offer in alike if offer.is_whole and offer.config == run.config), None)
        best = whole or max(alike, key=lambda offer: offer.updates, default=None)
        if best is None or (whole is None and not newest_update(files) < best.updates <= run.config.learning.updates):
            continue
        try:
            take_over(best.files, files, with_scores=best is whole)
        except RunInUseError as error:
            yield f"{run.name}: not taken from {best.files.path}: {error}"
            continue
        begun = "" if best is whole else f"{best.updates:,} of its {run.config.learning.updates:,} updates "
        yield f"{run.name}: {begun}taken from {best.files.path}"


def of_any_length(config: Config) -> Config:
    """Return a configuration that is equal for runs that differ in their length alone."""
    return config.changed(learning={"updates": 1})


def offers(sweep: Path, worlds: int) -> Iterator[Offer]:
    """Yield a sweep's runs that have a checkpoint; `worlds`: as many as they must be measured in to be whole.

    Raises:
        UserError: it is not a sweep's folder, or a run is damaged.
    """
    if not os.path.isfile(sweep / PLAN):
        raise UserError(f"{sweep} holds no sweep whose runs could be used again")
    for path in sorted((sweep / RUNS).iterdir()):
        files = RunFiles(path)
        scores, updates = Scores.read(files.scores), newest_update(files)
        if updates == 0:
            continue
        config = Config.from_dict(RunFolder.open(path).config)
        # A run that was lengthened after the measurement has scores of the shorter one.
        is_measured = scores is not None and scores.worlds == worlds and scores.update == config.learning.updates
        yield Offer(files, config, updates, is_measured)


def newest_update(files: RunFiles) -> int:
    """Return the updates of a run's newest checkpoint; 0 without one."""
    newest = checkpoints.latest(files.path / "checkpoints")
    return 0 if newest is None else checkpoints.update_of(newest)


def take_over(theirs: RunFiles, ours: RunFiles, with_scores: bool) -> None:
    """Copy a run's results, its scores last, so that an interrupted copy is an unfinished run.

    Raises:
        RunInUseError: a process trains in our run's folder, or in theirs.
    """
    with RunFolder.open(ours.path).lock(), RunFolder.open(theirs.path).undisturbed():
        for name in COPIED:
            source, target = theirs.path / name, ours.path / name
            if source.is_dir():
                copy = target.with_name(name + TEMPORARY_SUFFIX)
                shutil.rmtree(copy, ignore_errors=True)  # of a process that was killed while copying
                _copy_folder(source, copy)
                shutil.rmtree(target, ignore_errors=True)
                copy.rename(target)
            elif source.exists():
                write_atomically(target, read_regular(source))
        RunFolder.open(ours.path).metrics_ahead.unlink(missing_ok=True)
        if with_scores:
            write_atomically(ours.scores, read_regular(theirs.scores))


def _copy_folder(source: Path, target: Path) -> None:
    """Copy a folder without its permissions: somebody else's may be read-only, and ours is written."""
    target.mkdir()
    for file in source.iterdir():
        if file.is_dir():
            _copy_folder(file, target / file.name)
        else:
            shutil.copyfile(file, target / file.name)
