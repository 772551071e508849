"""Printing for the commands: lines, wide tables, progress bars."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

SECONDS = 10.0
"""Seconds between two lines of progress without a terminal."""


def say(*lines: str) -> None:
    """Print lines as they are, never wrapped, so that a path can be copied."""
    for line in lines:
        print(line)


def wide_console() -> Console:
    """Return a console that is wide enough for wide tables if standard output is not a terminal.

    Names of runs are shown verbatim, even with brackets or colons, which rich would take for markup.
    """
    width = None if Console().is_terminal else 160
    return Console(width=width, markup=False, emoji=False)


@contextmanager
def advancing() -> Iterator[Callable[[str, float], None]]:
    """Show progress on standard error: bars in a terminal, elsewhere an occasional line.

    Yields `advance(text, part)`, where `part` is the fraction done, 0 to 1.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def advance(text: str, part: float) -> None:
            if text not in tasks:
                tasks[text] = progress.add_task(text, total=1.0)
            progress.update(tasks[text], completed=part)

        yield advance


class _Lines:
    """Prints progress in lines, none in the first seconds and then one every few seconds at most."""

    def __init__(self) -> None:
        self._begun = self._last = time.monotonic()

    def __call__(self, text: str, part: float) -> None:
        now = time.monotonic()
        if now - self._last >= SECONDS:
            self._last = now
            print(f"{text}: {part:.1%}, elapsed {now - self._begun:.0f} s", file=sys.stderr)
