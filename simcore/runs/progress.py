"""The progress of a run and its newest metrics, in a terminal or a log."""

import sys
from collections import deque
from collections.abc import Callable, Sequence
from math import isnan, nan
from time import monotonic
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.panel import Panel


_UNKNOWN = "-"


def _number(value: float) -> str:
    """Format with four significant digits, in at most 10 characters."""
    return f"{value:#.4g}".removesuffix(".")


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


_METRICS: dict[str, tuple[str, Callable[[float], str]]] = {
    "return": ("return", _number),
    "food": ("food eaten", _percent),
    "length": ("length", _number),
    "acting/entropy": ("entropy", _number),
    "acting/value_loss": ("value loss", _number),
    "frame_model/loss": ("loss", _number),
    "frame_model/kl": ("KL", _number),
    "frame_model/error": ("error", _number),
    "frame_model/lambda": ("λ", _number),
    "probes/map_mse": ("map MSE", _number),
    "probes/cell_accuracy": ("cell acc.", _percent),
    "probes/heading_accuracy": ("heading acc.", _percent),
    "grad_norm": ("grad norm", _number),
}
"""The metrics that can be shown: the displayed name and the formatter, by key."""
_FRAMES = ("frame_model/loss", "frame_model/kl", "frame_model/error", "frame_model/lambda")
_PROBED = ("probes/map_mse", "probes/cell_accuracy")
_EPISODES = ("return", "food", "length", "acting/entropy")
SEEING = (*_FRAMES, *_PROBED, "probes/heading_accuracy", "grad_norm")
"""Metrics shown of a run in which a hand-made policy acts."""
ACTING = (*_EPISODES, "frame_model/error", "frame_model/lambda", *_PROBED)
"""Metrics shown of a run in which the agent acts."""
ACTING_MODEL_FREE = (*_EPISODES, "acting/value_loss", *_PROBED, "grad_norm")
"""The same without a frame model."""


class Progress:
    """Shows the progress of a training loop; used in a `with` block around it.

    In a terminal: a panel, rendered by its own thread four times a second, which stays on the screen at the
    end. Elsewhere (a log file, continuous integration), or where rich is not installed: a plain line at intervals,
    and one at the end.

    Where it cannot be shown (the terminal or the pipe is closed, the disk is full), nothing is raised, `failure` says
    so, and nothing more is shown.

    Args:
        total_updates: the updates of the whole run.
        frames_per_update: the frames of one update, of all worlds together.
        start_update: the updates that were done before, in a resumed run.
        console: where to show it; by default standard output.
        line_seconds: the time between two plain lines.
        shown: the metrics that are shown, eight at most.
    """

    def __init__(
        self,
        total_updates: int,
        frames_per_update: int,
        start_update: int = 0,
        console: "Console | None" = None,
        line_seconds: float = 10.0,
        shown: Sequence[str] = SEEING,
    ) -> None:
        self.failure: OSError | None = None
        """The error with which showing it has failed."""
        self._shown = shown
        self._total = total_updates
        self._frames_per_update = frames_per_update
        self._update = start_update
        self._values: dict[str, float] = {}
        self._started = monotonic()
        self._updates_per_second = 0.0
        # One entry a second at most: the speed is that of 30 s, or of 30 updates where those take longer.
        self._recent = deque([(self._started, start_update)], maxlen=30)
        self._console = console or _console()
        self._line_seconds = line_seconds
        self._line_due = self._started
        self._line_update: int | None = None
        self._live = None
        if self._console is not None and self._console.is_terminal and not self._console.is_dumb_terminal:
            from rich.live import Live

            self._live = Live(self, console=self._console, refresh_per_second=4)

    def show(self, update: int, values: dict[str, float]) -> None:
        """Record that `update` updates are done, and their metrics.

        Each metric is shown with its newest value. The frames per second are measured between calls.
        """
        now = monotonic()
        self._update = update
        self._values.update(values)
        since, first = self._recent[0]
        if now > since:
            self._updates_per_second = (update - first) / (now - since)
        if now - self._recent[-1][0] >= 1.0:
            self._recent.append((now, update))
        if self._live is None and now >= self._line_due:
            self._line_due = now + self._line_seconds
            self._try(self._print_line)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._try(self._live.start, True)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._try(self._live.stop)
        elif self._line_update != self._update:
            self._try(self._print_line)

    def _try(self, show: Callable[..., None], *arguments: bool) -> None:
        if self.failure is None:
            try:
                show(*arguments)
            except OSError as error:
                self.failure = error

    def __rich__(self) -> "Panel":
        """Return the panel of this moment."""
        from simcore.runs.panel import make_panel

        assert self._console is not None
        head = (f"update {self._updates()}", self._update, self._total, _percent(self._fraction()))
        facts, widest = self._pace() | self._metrics(), len(self._frames(self._total))
        return make_panel(head, list(facts.items()), widest, self._console.width)

    def _print_line(self) -> None:
        facts = (self._pace() | self._metrics()).items()
        text = "  ".join(f"{name} {number}" for name, number in facts if number != _UNKNOWN)
        line = f"update {self._updates()} ({_percent(self._fraction())})  {text}"
        # Not by rich, which ends the process when its reader has gone.
        print(line, file=None if self._console is None else self._console.file, flush=True)
        self._line_update = self._update

    def _updates(self) -> str:
        total = f"{self._total:,}"
        return f"{self._update:{len(total)},} / {total}"

    def _frames(self, updates: int) -> str:
        return f"{updates * self._frames_per_update:,}"

    def _fraction(self) -> float:
        return self._update / self._total if self._total else 1.0

    def _pace(self) -> dict[str, str]:
        """Return the run's progress and speed, formatted, by name."""
        speed = self._updates_per_second
        return {
            "frames": self._frames(self._update),
            "frames/s": f"{speed * self._frames_per_update:,.0f}" if speed else _UNKNOWN,
            "elapsed": _duration(monotonic() - self._started),
            "left": _duration((self._total - self._update) / speed) if speed else _UNKNOWN,
        }

    def _metrics(self) -> dict[str, str]:
        """Return the newest value of each shown metric, formatted, by name."""
        # A stream that cannot write λ would end the training with an encoding error.
        only_ascii = not _encoding(self._console).startswith("utf")
        facts = {}
        for key in self._shown:
            name, write = _METRICS[key]
            shown = key.rpartition("/")[2] if only_ascii and not name.isascii() else name
            value = self._values.get(key, nan)  # NaN: nothing was counted, as where no episode has ended
            facts[shown] = _UNKNOWN if isnan(value) else write(value)
        return facts


def _console() -> "Console | None":
    """Return rich's console on standard output, or None where rich is not installed."""
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        return None
    return Console()


def _encoding(console: "Console | None") -> str:
    """Return the encoding of the console or of standard output, in lower case."""
    return (sys.stdout.encoding if console is None else console.encoding).lower()


def _duration(seconds: float) -> str:
    """Format as hours, minutes and seconds."""
    minutes, second = divmod(round(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}"
