"""The folder of a sweep: its plan, its runs' folders, and their status."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Self

from simcore.common.atomic import TEMPORARY_SUFFIX, write_atomically
from simcore.common.errors import UserError
from simcore.common.reading import read_json, read_regular, toml_of
from simcore.config.differences import differences, listed
from simcore.config.run import Config
from simcore.runs import RunFolder, RunInUseError
from simcore.sweeps.plan import Plan, PlannedRun
from simcore.sweeps.scores import Scores

SPEC, PLAN, LOCK, RUNS = "spec.toml", "plan.json", "lock", "runs"

READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
"""The system's errors for a folder that can be read but not written."""


class Status(Enum):
    """The status of a run, by the files in its folder."""

    UNFINISHED = "unfinished"
    FINISHED = "finished"
    FAILED = "failed"


class RunFiles:
    """The files that a sweep's run has in addition to those of any run.

    Args:
        path: the run's folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scores = path / "scores.json"
        """Written last: a run is finished if it exists."""
        self.failure = path / "failed.json"
        self.log = path / "log.txt"
        """The output of its processes, of all attempts."""

    @property
    def status(self) -> Status:
        """The run's status."""
        if self.scores.exists():
            return Status.FINISHED
        return Status.FAILED if self.failure.exists() else Status.UNFINISHED

    def read_failure(self) -> str | None:
        """Return the error with which the run failed, in one line; None if it has not failed.

        Raises:
            UserError: the file of the failure is damaged.
        """
        try:
            return str(read_json(self.failure)["error"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.failure} is damaged; delete it, and the run is tried again") from error

    def write_failure(self, error: str, code: int | None) -> None:
        """Record the error with which the run failed; `code` is its process's exit code, negative for a signal."""
        report = {"error": error, "exit_code": code, "log": self.log.name}
        write_atomically(self.failure, (json.dumps(report, indent=1) + "\n").encode())


@dataclass(frozen=True)
class SweepFolder:
    """A sweep on disk: `spec.toml`, `plan.json`, `runs/`, and its results. Make one with `prepare`."""

    path: Path
    plan: Plan

    @classmethod
    def prepare(cls, path: Path, spec: bytes, plan: Plan) -> Self:
        """Make a sweep's folder with a folder for each run, or open an existing one.

        Raises:
            UserError: it holds another sweep or something else, or cannot be written.
        """
        text = json.dumps(plan.to_dict(), indent=1) + "\n"
        try:
            if os.path.lexists(path) and not (path / PLAN).exists():
                _require_empty(path)
            path.mkdir(parents=True, exist_ok=True)
            folder = cls(path, plan)
            with folder.lock():
                if (path / PLAN).exists():
                    _require_same(path, spec, text)
                else:
                    write_atomically(path / SPEC, spec)
                    write_atomically(path / PLAN, text.encode())
                for run in plan.runs:
                    folder._prepare_run(run)
        except OSError as error:
            folder = cls(path, plan)
            if error.errno in READ_ONLY and folder._is_complete(spec, text):
                return folder  # somebody else's, which can be reported
            raise UserError(f"cannot make the sweep {path}: {error.strerror}; name another folder by --out") from error
        return folder

    @property
    def name(self) -> str:
        """The sweep's name."""
        return Path(os.path.realpath(self.path)).name

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock on the sweep's own files in the `with` block; waits for other processes."""
        with (self.path / LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def files(self, run: PlannedRun) -> RunFiles:
        """Return the files of a run."""
        return RunFiles(self.path / RUNS / run.name)

    def status(self, run: PlannedRun) -> Status:
        """Return the status of a run."""
        return self.files(run).status

    def scores(self, run: PlannedRun) -> Scores | None:
        """Return the scores of a run; None unless it is finished."""
        return Scores.read(self.files(run).scores)

    def is_in_use(self, run: PlannedRun) -> bool:
        """Return whether a process trains in a run's folder."""
        try:
            with RunFolder.open(self.files(run).path).lock():
                return False
        except RunInUseError:
            return True

    def failures(self) -> list[tuple[PlannedRun, str]]:
        """Return the runs that have failed, each with its error in one line."""
        failed = [run for run in self.plan.runs if self.status(run) is Status.FAILED]
        return [(run, self.files(run).read_failure() or "unknown") for run in failed]

    def forget_failures(self) -> None:
        """Mark failed runs as unfinished, so that they are continued from their newest checkpoints."""
        for run in self.plan.runs:
            self.files(run).failure.unlink(missing_ok=True)

    def _is_complete(self, spec: bytes, text: str) -> bool:
        """Return whether the folder holds the same sweep, with all its runs finished."""
        try:
            if not (self.path / PLAN).exists():
                return False
            _require_same(self.path, spec, text)
            return all(self.status(run) is Status.FINISHED for run in self.plan.runs)
        except OSError:
            return False

    def _prepare_run(self, run: PlannedRun) -> None:
        path = self.files(run).path
        if not RunFolder.is_at(path):
            RunFolder.create(path, run.config.to_dict())
            return
        found = differences(Config.from_dict(RunFolder.open(path).config), run.config)
        if found:
            raise UserError(f"{path} holds a run with {listed(found)} as in the sweep; name another --out")


def _require_empty(path: Path) -> None:
    """Raise `UserError` if a folder holds other files than a sweep that was killed while it was made."""
    strangers = [f.name for f in path.iterdir() if f.name not in (SPEC, LOCK) and f.suffix != TEMPORARY_SUFFIX]
    if strangers:
        raise UserError(f"the folder {path} is not empty and holds no sweep; name another by --out")


def _require_same(path: Path, spec: bytes, plan: str) -> None:
    """Raise `UserError` unless a folder holds the same sweep; comments may differ."""
    old, new = toml_of(read_regular(path / SPEC), path / SPEC), toml_of(spec, path / SPEC)
    changed = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    if changed:
        raise UserError(f"{path} holds a sweep with another {', '.join(changed)}; name a new folder by --out")
    if read_regular(path / PLAN) != plan.encode():
        raise UserError(
            f"{path} holds a sweep of another version of SimCore, whose presets differ; name a new folder by --out"
        )
