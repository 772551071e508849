"""TensorBoard's files of a run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simcore.runs.sinks import Sink, Step, plain_values

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

BY_FRAMES = ".frames"
"""Ending of the names of event files whose steps are frames; those of early versions have none, and count updates."""


class TensorBoard:
    """Writes a run's event files; a step of TensorBoard's is a frame.

    A run begun by an early version continues to count updates, so that its curves have one unit.
    """

    def __init__(self, writer: "SummaryWriter", by_frames: bool) -> None:
        self._writer = writer
        self._by_frames = by_frames

    def scalars(self, step: Step, values: Mapping[str, float]) -> None:
        """Write metrics, and flush the file; the part of a name before "/" is its group."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, self._number(step))
        self._writer.flush()

    def pictures(self, step: Step, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Write pictures, and flush the file."""
        for name, picture in pictures.items():
            self._writer.add_image(name, picture, self._number(step), dataformats="HWC")
        self._writer.flush()

    def _number(self, step: Step) -> int:
        return step.frames if self._by_frames else step.update


@contextmanager
def tensorboard(folder: Path, resume_at: Step, hyperparameters: Mapping[str, Any]) -> Iterator[Sink | None]:
    """Open TensorBoard's file of a run; what it has of steps after `resume_at` is hidden from now on.

    Args:
        folder: of the event files.
        resume_at: how far the run is.
        hyperparameters: of the run, by name, for TensorBoard's page of them.

    Yields:
        The sink; None if TensorBoard is not installed, or the folder's name is not text.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams
    except ModuleNotFoundError:
        yield None
        return
    if not str(folder).isprintable():
        yield None
        return
    files = [file.name for file in folder.glob("*tfevents*")]
    by_frames = not files or any(name.endswith(BY_FRAMES) for name in files)
    begun = resume_at.frames if by_frames else resume_at.update
    with SummaryWriter(str(folder), purge_step=begun + 1, filename_suffix=BY_FRAMES if by_frames else "") as writer:
        # Not by add_hparams, which makes a folder, and so a run, of its own; without its list of metrics TensorBoard
        # offers all there are.
        _, session, _ = hparams(plain_values(hyperparameters), {})  # type: ignore[no-untyped-call]
        writer._get_file_writer().add_summary(session)
        yield TensorBoard(writer, by_frames)
