"""The record of a run that trains: its metrics and pictures, handed to every sink."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from simcore.common.errors import UserError
from simcore.common.registry import make_part
from simcore.common.user_code import user_code
from simcore.runs.folder import RunFolder
from simcore.runs.metrics import JSONLines
from simcore.runs.record import RecordConfig
from simcore.runs.sinks import BEGINNING, Sink, Step, sinks
from simcore.runs.tensorboard import tensorboard
from simcore.runs.weights_and_biases import weights_and_biases

NOTHING_ELSE = RecordConfig()


class MetricsWriter:
    """Hands metrics and pictures to all sinks: JSON lines, TensorBoard if installed, and requested ones.

    Write the metrics of an update before its checkpoint, so that no update that a checkpoint counts lacks them. Close
    the writer, or use it in a `with` block.

    Until the first metrics or pictures nothing changes in what the run has written before, so that a run which is
    stopped at once is as it was.

    Args:
        folder: the run.
        resume_at: how far the run is.
        hyperparameters: of the run, by name.
        record: the requested sinks.

    Raises:
        UserError: the files cannot be written, or a line is damaged; or a requested sink cannot be made.
    """

    def __init__(
        self,
        folder: RunFolder,
        resume_at: Step = BEGINNING,
        hyperparameters: Mapping[str, Any] = MappingProxyType({}),
        record: RecordConfig = NOTHING_ELSE,
    ) -> None:
        self._folder = folder
        self._tensorboard = tensorboard(folder.tensorboard, resume_at, hyperparameters)
        self._has_begun = False
        with ExitStack() as opened, self._writing():
            self._sinks: list[Sink] = [opened.enter_context(JSONLines(folder, resume_at.update))]
            # Now, so that anything missing, such as a login, is reported before the first update.
            if record.wandb is not None:
                online = weights_and_biases(record.wandb, folder.path, folder.name, hyperparameters)
                self._sinks.append(opened.enter_context(online))
            told = {"folder": folder.path, "resume_at": resume_at, "hyperparameters": hyperparameters}
            for name in record.sinks:
                own: Sink = make_part(sinks.find(name), name, **told)
                opened.callback(close, own, name)
                self._sinks.append(own)
            self._opened = opened.pop_all()

    def scalars(self, step: Step, values: Mapping[str, float]) -> None:
        """Write the metrics of an update, and flush the files.

        Raises:
            UserError: the files cannot be written, for instance because the disk is full.
        """
        with self._writing():
            for sink in self._begun():
                sink.scalars(step, values)

    def pictures(self, step: Step, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Write pictures, uint8 `[H, W, 3]`, and flush the files.

        Raises:
            UserError: the files cannot be written, for instance because the disk is full.
        """
        with self._writing():
            for sink in self._begun():
                sink.pictures(step, pictures)

    def takes_pictures(self) -> bool:
        """Return whether there is a sink for pictures, and open all for what now follows."""
        with self._writing():
            return any(not isinstance(sink, JSONLines) for sink in self._begun())

    def close(self) -> None:
        """Close the files.

        Raises:
            UserError: what was left to write cannot be written.
        """
        self.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: Any) -> None:
        with self._writing():
            self._opened.__exit__(*exception)

    def _begun(self) -> list[Sink]:
        """Return the sinks, with TensorBoard's, which hides what the run is about to do again."""
        if not self._has_begun:
            self._has_begun = True
            sink = self._opened.enter_context(self._tensorboard)
            self._sinks += [] if sink is None else [sink]
        return self._sinks

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"cannot write metrics in {self._folder.path}: {error.strerror}; make room and resume"
            ) from error


def close(sink: Sink, name: str) -> None:
    """Close a sink of a user's, if it has something to close.

    Raises:
        UserCodeError: that failed.
    """
    if hasattr(sink, "close"):
        with user_code(f"{name}: closing it"):
            sink.close()
