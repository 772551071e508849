"""What a run records in its folder, and shows, during training."""

import logging
from contextlib import ExitStack, closing
from types import TracebackType
from typing import TYPE_CHECKING, Self

from simcore.common.user_code import in_a_line
from simcore.config.differences import INCIDENTAL, differences, fields_of
from simcore.config.run import Config
from simcore.runs import ACTING, ACTING_MODEL_FREE, SEEING, MetricsWriter, Progress, RunFolder, Step, checkpoints
from simcore.training.returns import ReturnsWatch
from simcore.training.training import Training

if TYPE_CHECKING:
    from simcore.training.held_out import HeldOutEpisode

EPISODE = "held_out/episode"
"""The name of the picture of a held-out episode."""

logger = logging.getLogger(__name__)


class Recorder:
    """Writes a run's metrics, checkpoints and changes of configuration, and shows its progress.

    All ranks of a run have one, since they must compute metrics and checks together; the first one's writes.

    Args:
        training: the run, before its next update.
        folder: the run's folder.
        shows: whether it shows progress.
    """

    def __init__(self, training: Training, folder: RunFolder, shows: bool = True) -> None:
        self.unshown: OSError | None = None
        """Why the progress could not be shown, if it could not."""
        self._training = training
        self._folder = folder
        self._writes = training.ranks.is_first
        self._shows_progress = shows
        self._progress: Progress | None = None
        self._begun = self._saved = training.updates
        self._is_recorded = not self._writes
        self._draws = training.config.record.pictures_every > 0
        self._episode: HeldOutEpisode | None = None
        self._shown = ExitStack()

    def __enter__(self) -> Self:
        if self._writes:
            config, begun = self._training.config, self._begun
            frames = config.learning.frames_per_update * self._training.ranks.size
            settings = {name: value for name, value in fields_of(config).items() if name not in INCIDENTAL}
            writer = MetricsWriter(self._folder, self._step(), settings, config.record)
            self._metrics = self._shown.enter_context(writer)
            if self._shows_progress:
                progress = Progress(config.learning.updates, frames, begun, shown=watched(config))
                self._progress = self._shown.enter_context(progress)
            self._returns = ReturnsWatch(config, self._training.system.agent.core.output_size)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown.__exit__(kind, error, trace)

    def after_update(self) -> None:
        """Record a completed update, as often as the configuration says.

        Raises:
            NonFiniteLossError: a loss was NaN or infinite.
        """
        record, done = self._training.config.record, self._training.updates
        is_last = done == self._training.config.learning.updates
        self._record_changes()  # now that the changed run has shown that it can continue
        values = self._training.take_metrics() if is_last or done % record.metrics_every == 0 else {}
        if self._writes and values:
            self._metrics.scalars(self._step(), values)
            self._returns.check(values)
        if self._progress is not None:
            self._progress.show(done, values)
            self.unshown = self._progress.failure
        if is_last or done % record.checkpoint_every == 0:
            self.save()
            if self._draws and (is_last or done // record.checkpoint_every % record.pictures_every == 0):
                self._draw()

    def save(self) -> None:
        """Write a checkpoint, unless there is one of this update, whose worlds can continue.

        Raises:
            NonFiniteLossError: a loss was NaN or infinite, or a weight or a moment is; nothing is written.
        """
        if self._saved == self._training.updates and not self._training.worlds_lost:
            return
        self._training.check()
        if self._writes:
            config = self._training.config
            state = self._training.state_dict() | {"config": config.to_dict()}
            checkpoints.save(self._folder.checkpoints, self._training.updates, state, config.record.checkpoints)
        self._saved = self._training.updates

    def finish(self) -> None:
        """Record the end of the run, or of its updates for now."""
        self.save()
        self._record_changes()  # also of a run that had nothing left to do

    def _step(self) -> Step:
        return Step(self._training.updates, self._training.frames)

    def _held_out(self) -> "HeldOutEpisode":
        if self._episode is None:
            from simcore.training.held_out import HeldOutEpisode  # needs Pillow, as all sinks of pictures do

            self._episode = self._shown.enter_context(closing(HeldOutEpisode(self._training)))
        return self._episode

    def _draw(self) -> None:
        """Record a picture of a held-out episode; if that fails, warn and record no more."""
        if not self._writes:
            return
        try:
            if self._metrics.takes_pictures():
                self._metrics.pictures(self._step(), {EPISODE: self._held_out().draw()})
        except Exception as error:  # of any kind: the run is worth more than its pictures
            self._draws = False
            logger.warning(
                "the held-out episode cannot be drawn: %s; the run goes on without pictures, as it does with "
                "--record.pictures-every 0",
                in_a_line(error),
            )

    def _record_changes(self) -> None:
        """Record in the folder, once, how the configuration differs from the one there."""
        if self._is_recorded:
            return
        self._is_recorded = True
        config = self._training.config
        changes = differences(Config.from_dict(self._folder.config), config)
        if changes:
            values = {change.field: (change.old, change.new) for change in changes}
            self._folder.change(config.to_dict(), self._begun, values)


def watched(config: Config) -> tuple[str, ...]:
    """Return the metrics that the progress display shows for a run."""
    if config.policy == "walker":
        return SEEING
    return ACTING if config.has_frame_model else ACTING_MODEL_FREE
