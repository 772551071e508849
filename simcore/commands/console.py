"""What the commands print with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

INTERRUPTED = 130
"""Exit code of what was stopped before its end, by Ctrl-C or SIGTERM alike, and can go on: a shell's own for a program
that Ctrl-C has ended, so that `make` and scripts stop."""


def say(*lines: str) -> None:
    """Print lines as they are, never wrapped, so that a path can be copied."""
    for line in lines:
        print(line)


def wide_console() -> Console:
    """Return a console that gives a wide table its room where there is no screen to be narrow."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


@contextmanager
def advancing() -> Iterator[Callable[[str, float], None]]:
    """Show how far things are that take a while, on a screen; yields what is told a thing and which part is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def advance(text: str, part: float) -> None:
            if text not in tasks:
                tasks[text] = progress.add_task(text, total=1.0)
            progress.update(tasks[text], completed=part)

        yield advance
