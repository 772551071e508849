"""The metrics of a run: one JSON line an update, and the same numbers for TensorBoard where it is installed."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from simcore.common.errors import UserError
from simcore.common.reading import open_regular
from simcore.runs.folder import RunFolder
from simcore.runs.metric_names import current_names

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class MetricsWriter:
    """Appends metrics to a run, and removes those of updates that a resumed run does again.

    Write the metrics of an update before its checkpoint, so that no update that a checkpoint counts lacks them. Close
    the writer, or use it in a `with` block.

    Args:
        folder: the run.
        resume_at: the updates that the run has done, 0 for a new one. Later lines, which a process wrote
            between its last checkpoint and its end, are cut off, and so is an unfinished last line;
            TensorBoard purges those updates.

    Raises:
        UserError: the files cannot be written, or an earlier line is damaged.
    """

    def __init__(self, folder: RunFolder, resume_at: int = 0) -> None:
        self._folder = folder.path
        with ExitStack() as files:
            try:
                if os.path.lexists(folder.metrics):
                    _cut_after(folder.metrics, resume_at)
                self._lines = files.enter_context(folder.metrics.open("a", encoding="utf-8"))
                self._tensorboard = _tensorboard(folder.tensorboard, resume_at)
                if self._tensorboard is not None:
                    files.enter_context(self._tensorboard)
            except OSError as error:
                raise self._failed(error) from error
            self._files = files.pop_all()

    def write(self, update: int, values: dict[str, float]) -> None:
        """Append the metrics of one update and flush the files.

        A number that is not finite becomes null, since JSON cannot express it. In TensorBoard the part of a
        name before "/" is its group.

        Raises:
            UserError: the files cannot be written, for instance because the disk is full.
        """
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        try:
            self._lines.write(json.dumps({"update": update, **finite}) + "\n")
            self._lines.flush()
            if self._tensorboard is not None:
                for name, value in values.items():
                    self._tensorboard.add_scalar(name, value, update)
                self._tensorboard.flush()
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the files.

        Raises:
            UserError: what was left to write cannot be written.
        """
        try:
            self._files.close()
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _failed(self, error: OSError) -> UserError:
        return UserError(f"cannot write metrics in {self._folder}: {error.strerror}; make room and resume")


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Return one dict for each update in a `metrics.jsonl`; a number that was not finite is NaN.

    The file may be growing: an unfinished last line is left out. Metrics of an older version get
    their current names.

    Raises:
        UserError: the file is missing or unreadable, or a line other than the last is damaged.
    """
    try:
        lines = [line for line, _ in _records(path)]
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}; name the metrics.jsonl of a training run") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    named = [current_names(line) for line in lines]
    return [{name: math.nan if value is None else value for name, value in line.items()} for line in named]


def _tensorboard(folder: Path, resume_at: int) -> "SummaryWriter | None":
    """Return TensorBoard's writer, or None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        return None
    return SummaryWriter(str(folder), purge_step=resume_at + 1)


def _cut_after(path: Path, update: int) -> None:
    """Truncate the file after the last whole line of `update` or earlier."""
    kept = max((end for record, end in _records(path) if record["update"] <= update), default=0)
    os.truncate(path, kept)


def _records(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield each whole line's content, and where in the file the line ends, in bytes.

    Raises:
        UserError: a whole line is not a JSON object with an update.
    """
    end = 0
    with open_regular(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # the newline is written last: without it the line is not whole
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if not isinstance(record, dict) or not isinstance(record.get("update"), int):
                raise UserError(f"line {number} of {path} is damaged; correct or delete that line")
            end += len(line)
            yield record, end
