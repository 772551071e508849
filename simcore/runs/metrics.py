"""The metrics of a run as JSON lines."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from simcore.common.atomic import write_atomically
from simcore.common.errors import UserError
from simcore.common.parsing import parse_json
from simcore.common.reading import open_regular
from simcore.runs.folder import RunFolder
from simcore.runs.metric_names import current_names
from simcore.runs.sinks import Step

LONGEST_LINE = 2**20
"""The most bytes that a line of metrics may have; a hundred metrics take some thousands."""
LARGEST_BITS = 1000
"""The most bits of a whole number among the metrics, which are read as floats."""


class JSONLines:
    """Appends metrics to a run's `metrics.jsonl`; nothing that was written is lost until a resumed run has redone it.

    A process that ended between two checkpoints, or whose checkpoints are missing, has left lines of later updates than
    `resume_at`. With the first line that is written they move to `metrics.ahead.jsonl`, which is deleted once the run
    has passed the last of them. Until that first line nothing changes.

    Use it in a `with` block.

    Args:
        folder: the run.
        resume_at: the updates that the run has done, 0 for a new one.

    Raises:
        OSError: here and in its methods, a file cannot be written.
        UserError: a line is damaged.
    """

    def __init__(self, folder: RunFolder, resume_at: int = 0) -> None:
        self._folder = folder
        self._has_begun = False
        if os.path.lexists(folder.metrics):
            open_regular(folder.metrics).close()  # to append to a pipe would wait for a reader
        with ExitStack() as opened:
            self._file = opened.enter_context(folder.metrics.open("a", encoding="utf-8"))
            self._kept, later = _split(folder.metrics, resume_at)
            before = _split(folder.metrics_ahead, resume_at)[1] if folder.metrics_ahead.exists() else {}
            self._opened = opened.pop_all()
        self._ahead = dict(sorted((before | later).items()))

    def scalars(self, step: Step, values: Mapping[str, float]) -> None:
        """Append a line, which is then on disk; a number that is not finite becomes null, as JSON has none."""
        if not self._has_begun:
            self._begin()
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._file.write(json.dumps({"update": step.update, "frames": step.frames, **finite}) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())  # as the later checkpoint is, so that a power cut leaves both
        if self._ahead and step.update >= max(self._ahead):
            self._ahead = {}
            self._folder.metrics_ahead.unlink(missing_ok=True)

    def pictures(self, step: Step, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Leave pictures out: lines are for numbers."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()

    def _begin(self) -> None:
        """Put later lines aside, and cut them off together with an unfinished last line."""
        if self._ahead:
            write_atomically(self._folder.metrics_ahead, b"".join(self._ahead.values()))
        else:
            self._folder.metrics_ahead.unlink(missing_ok=True)
        os.truncate(self._folder.metrics, self._kept)
        self._has_begun = True


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Return one dict for each update in a `metrics.jsonl`; a number that was not finite is NaN.

    The file may be growing: an unfinished last line is left out. Metrics of an older version get
    their current names.

    Raises:
        UserError: the file is missing or unreadable, or a line is damaged or out of order.
    """
    try:
        lines = [line for line, _ in _records(path)]
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}; name the metrics.jsonl of a training run") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    named = [current_names(line) for line in lines]
    return [{name: math.nan if value is None else value for name, value in line.items()} for line in named]


def _split(path: Path, update: int) -> tuple[int, dict[int, bytes]]:
    """Return where in a file of metrics the last whole line of `update` or earlier ends, and later lines by update."""
    end, kept = 0, 0
    later: dict[int, bytes] = {}
    for record, line in _records(path):
        end += len(line)
        if record["update"] <= update:
            kept = end
        else:
            later[record["update"]] = line
    return kept, later


def _records(path: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield the content of each whole line, and the line itself.

    Raises:
        UserError: a whole line is damaged, or its update is not later than that of the line before.
    """
    newest = -1
    with open_regular(path) as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=1):
            if not line.endswith(b"\n") and len(line) < LONGEST_LINE:
                return  # the newline is written last: without it the line is not whole
            record = _parse(line)
            if record is None or record["update"] <= newest:
                what = "damaged" if record is None else f"of update {record['update']}, after one of {newest}"
                raise UserError(f"line {number} of {path} is {what}; correct or delete that line")
            newest = record["update"]
            yield record, line


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the content of a line, numbers or None by name, with the update; None if it is anything else."""
    try:
        record = parse_json(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or not all(_is_number(value) for value in record.values()):
        return None
    update = record.get("update")
    return record if isinstance(update, int) and update >= 0 else None


def _is_number(value: object) -> bool:
    """Return whether a value is a number that a float can hold, or the None of one that was not finite."""
    return value is None or type(value) is float or (type(value) is int and value.bit_length() <= LARGEST_BITS)
