"""A run's record at Weights & Biases."""

import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simcore.common.errors import UserError
from simcore.common.user_code import in_a_line
from simcore.runs.sinks import Sink, Step, plain_values

logger = logging.getLogger(__name__)


class WeightsAndBiases:
    """Sends metrics and pictures to a run at Weights & Biases; its steps are frames.

    A resumed run sends no frames that its record has: Weights & Biases accepts no earlier step. If the library
    fails during the run there is one warning, and nothing more is sent: the run's folder has everything.
    """

    def __init__(self, wandb: Any, run: Any) -> None:
        self._wandb = wandb
        self._run = run
        self._has = run.step - 1
        """The newest step of the record; -1 if it is empty, or is only on this machine."""
        self._works = True

    def scalars(self, step: Step, values: Mapping[str, float]) -> None:
        """Send metrics."""
        self._send(step, {"update": step.update, **values})

    def pictures(self, step: Step, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Send pictures."""
        self._send(step, {name: self._wandb.Image(picture) for name, picture in pictures.items()})

    def finish(self, code: int) -> None:
        """Send what is left, with the exit code of the run."""
        self._try(lambda: self._run.finish(exit_code=code))

    def _send(self, step: Step, values: Mapping[str, Any]) -> None:
        if step.frames > self._has:
            self._try(lambda: self._run.log(values, step=step.frames))

    def _try(self, call: Callable[[], object]) -> None:
        if not self._works:
            return
        try:
            call()
        except Exception as error:  # of the library, or of its own process
            self._works = False
            logger.warning("Weights & Biases gets no more of this run: %s; its folder has it all", in_a_line(error))


def import_wandb() -> Any:
    """Import Weights & Biases' library, which is an extra.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module("wandb")
    except ModuleNotFoundError as error:
        raise UserError("Weights & Biases is not installed: pip install 'simcore[wandb]'") from error


@contextmanager
def weights_and_biases(project: str, folder: Path, name: str, hyperparameters: Mapping[str, Any]) -> Iterator[Sink]:
    """Open a run's record at Weights & Biases, its earlier one if its folder names it.

    Args:
        project: `PROJECT` or `ENTITY/PROJECT`.
        folder: of the run; the library keeps its own files in `wandb/` there.
        name: of the run.
        hyperparameters: of the run, by name.

    Raises:
        UserError: it is not installed, there is no login, or it cannot be reached.
    """
    wandb = import_wandb()
    *entity, project = project.split("/")
    try:
        run = wandb.init(
            entity=entity[0] if entity else None,
            project=project,
            name=name,
            id=identity(folder),
            resume="allow",
            dir=folder,
            config=plain_values(hyperparameters),
            settings=wandb.Settings(console="off", quiet=True),  # the progress display is not a log
        )
    except (wandb.errors.Error, OSError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise UserError(f"Weights & Biases: {why}; with WANDB_MODE=offline the record stays in {folder}") from error
    sink, code = WeightsAndBiases(wandb, run), 1
    try:
        yield sink
        code = 0
    finally:
        sink.finish(code)


def identity(folder: Path) -> str | None:
    """Return the id that a run's record has had so far, None if it has none: the library names its folders by it."""
    folders = sorted(folder.glob("wandb/*run-*-*"), key=lambda path: path.name.partition("run-")[2])
    return folders[-1].name.rpartition("-")[2] if folders else None
