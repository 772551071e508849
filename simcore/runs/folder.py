"""A run's folder: its configuration, the paths of its files, and its lock."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from simcore.common.atomic import TEMPORARY_SUFFIX, remedy, write_atomically
from simcore.common.errors import UserError
from simcore.common.reading import read_json, read_regular
from simcore.common.version import __version__, commit

_CONFIG, _CHANGES, _ORIGIN = "config.json", "changes.jsonl", "origin.json"
_LOCK = "lock"


class RunInUseError(UserError):
    """Another process is training in the run's folder."""


@dataclass(frozen=True)
class RunFolder:
    """A run on disk: `config.json`, `origin.json`, `metrics.jsonl`, `tensorboard/`, `checkpoints/` and `lock`.

    If its configuration was changed later, for instance to lengthen the run, `config.json` has the newest one and
    `changes.jsonl` a line for each change. While a resumed run repeats updates, `metrics.ahead.jsonl` has the metrics
    that were written of them before.

    Make one with `RunFolder.create` or `RunFolder.open`. Reading a run needs no lock; training in it does.
    """

    path: Path
    config: dict[str, Any]
    """The contents of `config.json`, of JSON's types only, so that a tuple has become a list."""

    @classmethod
    def create(cls, path: str | Path, config: dict[str, Any]) -> Self:
        """Make a new run in a folder that is missing or empty; missing parents are made too.

        Raises:
            UserError: the folder holds something, or cannot be written. It is left as it was.
            TypeError: JSON cannot express `config`.
        """
        path = Path(path)
        text = json.dumps(config, indent=2) + "\n"
        origin = json.dumps({"version": __version__, "commit": commit()}) + "\n"
        try:
            is_new = not os.path.lexists(path)
            path.mkdir(parents=True, exist_ok=True)
            _require_empty(path)
            with (path / _LOCK).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes that make it at a time, one does
                _require_empty(path)
                for leftover in path.glob(f"*{TEMPORARY_SUFFIX}"):
                    leftover.unlink()
                try:
                    write_atomically(path / _ORIGIN, origin.encode())
                    write_atomically(path / _CONFIG, text.encode())
                except OSError:
                    for name in (_ORIGIN, _LOCK):
                        (path / name).unlink(missing_ok=True)
                    if is_new:
                        path.rmdir()
                    raise
        except OSError as error:
            raise UserError(f"cannot make the run {path}: {error.strerror}; name another folder") from error
        return cls(path, json.loads(text))

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open an existing run.

        Raises:
            UserError: there is no such folder, or its `config.json` is missing, unreadable or damaged.
        """
        path = Path(path)
        file = path / _CONFIG
        try:
            if os.path.isfile(path):
                raise UserError(
                    f"{path} is a file, and this wants a run's folder; what simcore export has made can be "
                    "looked into, but has neither optimiser nor metrics"
                )
            if not os.path.isdir(path):
                raise UserError(f"there is no run folder {path}; name one that a training run has made")
            config = read_json(file)
        except FileNotFoundError as error:
            raise UserError(f"{path} is no run: it has no {_CONFIG}; name a folder that has one") from error
        except OSError as error:
            raise UserError(f"cannot read {file}: {error.strerror}") from error
        except ValueError as error:  # not JSON, or not even text
            raise UserError(f"{file} is damaged ({error}); restore it or train in a new folder") from error
        if not isinstance(config, dict):
            raise UserError(f"{file} holds no JSON object; restore it or train in a new folder")
        return cls(path, config)

    def change(self, config: dict[str, Any], update: int, changed: dict[str, tuple[Any, Any]]) -> None:
        """Record that the run continues with a changed configuration.

        The line in `changes.jsonl` is written first: if the process is killed in between, the run keeps its old
        configuration and has one line too many.

        Args:
            config: the new one.
            update: the updates that the run had done by then.
            changed: the old and the new value of each changed field.

        Raises:
            UserError: the files cannot be written.
        """
        file = self.path / _CHANGES
        line = json.dumps({"update": update, "changed": changed}) + "\n"
        try:
            before = read_regular(file) if os.path.lexists(file) else b""
            write_atomically(file, before + line.encode())
            write_atomically(self.path / _CONFIG, (json.dumps(config, indent=2) + "\n").encode())
        except OSError as error:
            raise UserError(f"cannot write in {self.path}: {error.strerror}; {remedy(error)}") from error

    @classmethod
    def is_at(cls, path: str | Path) -> bool:
        """Return whether a folder holds a run."""
        return os.path.lexists(Path(path) / _CONFIG)

    @property
    def origin(self) -> dict[str, str | None]:
        """The `version` of SimCore that began the run, and the `commit` of its sources; empty for early runs.

        Raises:
            UserError: `origin.json` cannot be read, or is damaged.
        """
        file = self.path / _ORIGIN
        if not os.path.lexists(file):
            return {}
        try:
            origin = read_json(file)
            texts = [origin[name] for name in ("version", "commit")]
        except OSError as error:
            raise UserError(f"cannot read {file}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{file} is damaged; restore it, or delete it: the origin is then not told") from error
        return dict(zip(("version", "commit"), texts, strict=True))

    @property
    def name(self) -> str:
        """The run's name."""
        return Path(os.path.realpath(self.path)).name

    @property
    def metrics(self) -> Path:
        """The metrics, one JSON line per update."""
        return self.path / "metrics.jsonl"

    @property
    def metrics_ahead(self) -> Path:
        """Metrics of updates that a resumed run does again, in the same form, until it has passed them."""
        return self.path / "metrics.ahead.jsonl"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Keep every process from training in this folder while the `with` block reads it, together with others.

        Raises:
            RunInUseError: a process is training in the folder.
        """
        try:
            descriptor = os.open(self.path / _LOCK, os.O_RDONLY)
        except OSError:  # nobody has trained here, or we may not know
            yield
            return
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunInUseError(f"another process is training in {self.path}") from error
            except OSError:  # a file system without locks, where no run can be trained
                pass
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other process from training in this folder while the `with` block runs.

        The kernel holds the lock for the process and drops it however the process ends, so a killed run can
        be resumed at once. The empty file `lock` stays: if it were removed, two processes could each lock a
        file of that name.

        Raises:
            RunInUseError: another process is training in the folder.
            UserError: the lock file cannot be made.
        """
        file = self.path / _LOCK
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise UserError(f"cannot make {file}: {error.strerror}; train in another folder") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunInUseError(
                    f"another process is training in {self.path}; stop it, or train in another folder"
                ) from error
            except OSError as error:
                raise UserError(f"cannot lock {file}: {error.strerror}; train in another folder") from error
            try:
                yield
            finally:
                # Closing alone would leave the lock with any child process that has inherited the descriptor.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)


def _require_empty(path: Path) -> None:
    """Raise `UserError` if a folder holds more than what a process has left that was killed while it made a run."""
    strangers = [file for file in path.iterdir() if file.suffix != TEMPORARY_SUFFIX]
    if any(file.name not in (_ORIGIN, _LOCK) for file in strangers):
        advice = "resume its run" if (path / _CONFIG).exists() else "empty it"
        raise UserError(f"the folder {path} is not empty; {advice}, or name a new folder")
