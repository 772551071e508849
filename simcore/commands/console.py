"""Printing for the commands: lines, wide tables, progress bars."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C or SIGTERM has interrupted and that can be resumed: the one that shells use for
Ctrl-C, so that `make` and scripts stop."""


def say(*lines: str) -> None:
    """Print lines as they are, never wrapped, so that a path can be copied."""
    for line in lines:
        print(line)


def wide_console() -> Console:
    """Return a console that is wide enough for wide tables where standard output is no terminal.

    Names of runs are shown as they are, also with brackets or colons, which are rich's markup elsewhere.
    """
    width = None if Console().is_terminal else 160
    return Console(width=width, markup=False, emoji=False)


@contextmanager
def advancing() -> Iterator[Callable[[str, float], None]]:
    """Show progress bars in a terminal; yields `advance(text, part)`, where `part` is the fraction done, 0 to 1."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def advance(text: str, part: float) -> None:
            if text not in tasks:
                tasks[text] = progress.add_task(text, total=1.0)
            progress.update(tasks[text], completed=part)

        yield advance
