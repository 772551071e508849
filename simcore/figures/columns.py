"""A run's metrics as columns, for plotting."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simcore.common.errors import UserError
from simcore.runs import read_metrics


def metric_columns(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return each metric of a `metrics.jsonl` as an array over its lines; NaN where it is missing or was not finite.

    Raises:
        UserError: the file is missing or damaged, or has no complete line yet.
    """
    lines = read_metrics(path)
    if not lines:
        raise UserError(f"{path} holds no metrics yet; train until its first line")
    names = dict.fromkeys(name for line in lines for name in line)
    return {name: np.array([line.get(name, np.nan) for line in lines], np.float64) for name in names}


def columns_over_frames(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the same for a run, whose lines all have their `frames`, increasing from line to line.

    Raises:
        UserError: as `metric_columns`; or they do not.
    """
    columns = metric_columns(path)
    frames = columns.get("frames", np.array([np.nan]))
    if not (np.isfinite(frames).all() and (np.diff(frames) > 0).all()):
        raise UserError(f"the frames in {path} are missing in a line, or do not grow from line to line; correct it")
    return columns


LEARNER = ("seconds/queue", "seconds/learn")
ACTOR = ("seconds/act", "seconds/step", "seconds/draw")


def seconds_along(columns: Mapping[str, NDArray[np.float64]], in_turn: bool) -> NDArray[np.float64]:
    """Return the seconds of computing up to each line of a run's metrics, `[lines]`.

    Those spent on start-up, checkpoints and pictures are not among them, nor those of updates that were repeated after
    the run was killed. The first line stands for all updates up to it.

    Args:
        columns: the run's, with `update` and the stages' seconds per update.
        in_turn: whether actors take turns with the learner (executor serial); else they work beside it.

    Raises:
        UserError: a stage's seconds were not recorded.
    """
    stages = (*LEARNER, *(ACTOR if in_turn else ()))
    missing = [name for name in ("update", *stages) if not np.isfinite(columns.get(name, np.array([np.nan]))).all()]
    if missing:
        raise UserError(f"the run's metrics lack {', '.join(missing)}, so that it has no curve over seconds")
    updates = np.diff(columns["update"], prepend=0.0)
    return np.cumsum(updates * sum(columns[name] for name in stages))
