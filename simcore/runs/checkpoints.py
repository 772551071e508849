"""Checkpoints: everything that a run needs to continue, in files that are written atomically."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from simcore.common.archive import DamagedError, read_archive, write_archive
from simcore.common.atomic import TEMPORARY_SUFFIX, remedy
from simcore.common.errors import UserError

LONGEST_REASON = 240
_NAME = re.compile(r"update_(\d+)\.pt")


class Checkpoint(NamedTuple):
    """What a checkpoint file holds."""

    update: int
    """How many updates the run had done."""
    state: dict[str, Any]
    """Nested dicts, lists and tuples of tensors, numbers, strings, bools and None."""


def save(directory: Path, update: int, state: dict[str, Any], keep: int = 3) -> Path:
    """Write `directory/update_<update>.pt`, then delete all but the `keep` newest checkpoints there.

    Args:
        directory: the run's folder of checkpoints; made where it is missing.
        update: how many updates the run has done.
        state: nested dicts, lists and tuples of tensors, numbers, strings, bools and None;
            nothing else can be loaded.
        keep: how many checkpoints stay, this one included.

    Returns:
        The new file.

    Raises:
        UserError: it cannot be written, for instance because the disk is full. Older checkpoints stay.
        ValueError: `keep` is not positive.
    """
    if keep < 1:
        raise ValueError(f"keep at least one checkpoint, not {keep}")
    path = directory / f"update_{update:08}.pt"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for leftover in directory.glob(f"*{TEMPORARY_SUFFIX}"):  # of a process that was killed while writing
            leftover.unlink(missing_ok=True)
        write_archive(path, {"format": "simcore-checkpoint", "version": 1, "update": update, "state": state})
        for old in _ascending(directory)[:-keep]:
            old.unlink(missing_ok=True)
    except OSError as error:
        good = latest(directory)
        last = f"the last good checkpoint is {good}" if good else "there is no earlier checkpoint"
        raise UserError(f"cannot save {path}: {error.strerror}; {last}; {remedy(error)}") from error
    return path


def latest(directory: Path) -> Path | None:
    """Return the checkpoint with the most updates in `directory`, or None if there is none."""
    paths = _ascending(directory)
    return paths[-1] if paths else None


def update_of(path: Path) -> int:
    """Return the updates of a checkpoint that `latest` has returned, by its name."""
    named = _NAME.fullmatch(path.name)
    assert named is not None, "it is named by its update"
    return int(named[1])


def load(path: Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Load a checkpoint, with its tensors on `device`. Code that a file may hold is never run.

    Raises:
        UserError: the file is missing, unreadable, damaged, not a checkpoint, or of a newer version.
        RuntimeError: `device` is missing or has too little memory.
    """
    try:
        payload = read_archive(path, device)
    except OSError as error:
        raise UserError(f"cannot read the checkpoint {path}: {error.strerror}") from error
    except DamagedError as error:
        raise _unusable(path) from error
    match payload:
        # By type first: what a damaged field holds may not be comparable.
        case {"format": str("simcore-checkpoint"), "version": int(1), "update": int(update), "state": dict(state)}:
            if type(update) is int and update >= 0:
                return Checkpoint(update, state)
        case {"format": str("simcore-checkpoint"), "version": int(version)} if version > 1:
            raise UserError(f"{path} is of a newer SimCore (format {version}, not 1); update SimCore")
    raise _unusable(path)


@contextmanager
def taking_over(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a file's state is taken over into a `UserError` that names the file.

    Damage by chance is found when a file is read. What is found here is another run's or version's, or was edited.

    Args:
        path: of a checkpoint or an exported run.
    """
    try:
        yield
    except (UserError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a state may hold anything
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        why = " ".join(f"{kind}{error}".split())
        raise UserError(
            f"{path} does not fit its run ({shortened(why)}); put back what was changed, or train in a new folder"
        ) from error


def shortened(text: str) -> str:
    """Return a text, cut after some three lines of a terminal."""
    return text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + " ..."


def _ascending(directory: Path) -> list[Path]:
    """Return the checkpoints in `directory`, the one with the most updates last."""
    named = ((_NAME.fullmatch(path.name), path) for path in directory.glob("*"))
    return [path for _, path in sorted((int(name[1]), path) for name, path in named if name)]


def _unusable(path: Path) -> UserError:
    """Return the error for a file that is not a valid checkpoint, which says what to do."""
    paths = _ascending(path.parent)
    if path not in paths:
        return UserError(f"{path} is damaged or not a checkpoint of SimCore; name another file")
    older = paths[: paths.index(path)]
    then = f"{older[-1].name} is then used" if older else "the run then starts from the beginning"
    return UserError(f"{path} is damaged or not a checkpoint of SimCore; delete it: {then}")
