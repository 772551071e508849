"""Printing for the commands: lines, wide tables, progress bars."""

import copy
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

NAMES = 24
"""The width to which the names of a table's rows may be wrapped, before its columns are parted."""
RULE = 3
"""The width of what is between two columns of a table."""
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


def show_tables(*tables: Table | None, highlight: bool | None = None) -> None:
    """Print tables; one that is too wide for the terminal in parts, each with the names of the rows."""
    console = wide_console()
    for table in tables:
        if table is not None:
            console.print(*parts_of(table, console.width), highlight=highlight)


def parts_of(table: Table, width: int) -> list[Table]:
    """Part the columns of a table, whose first one has the rows' names, so that all cells keep their lines."""
    names, *others = table.columns
    if sum(_width(column, header=True) + RULE for column in table.columns) < width:
        return [table]
    whole = _width(names)
    room = width - min(NAMES, whole) - RULE - 1
    groups: list[list[Column]] = [[]]
    for column in others:
        column.width = _width(column)
        if groups[-1] and sum((each.width or 0) + RULE for each in (*groups[-1], column)) > room:
            groups.append([])
        groups[-1].append(column)
    parts: list[Table] = []
    for columns in groups:
        part = copy.copy(table)
        rest = width - sum((column.width or 0) + RULE for column in columns) - RULE - 1
        first = replace(names, width=max(1, min(whole, rest)))
        part.columns = [replace(column, _index=place) for place, column in enumerate((first, *columns))]
        part.title, part.caption = None if parts else table.title, table.caption if columns is groups[-1] else None
        parts.append(part)
    return parts


def _width(column: Column, header: bool = False) -> int:
    """Return the width of a column whose cells keep their lines; a heading may break between words unless `header`."""
    lines = [line for cell in column.cells for line in str(cell).splitlines()]
    heading = str(column.header)
    return max(len(text) for text in ("", *lines, *(heading.splitlines() if header else heading.split())))


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
        self._under_way: dict[str, float] = {}

    def __call__(self, text: str, part: float) -> None:
        self._under_way.pop(text, None)
        if part < 1.0:
            self._under_way[text] = part
        now = time.monotonic()
        if now - self._last >= SECONDS:
            self._last = now
            parts = [f"{each}: {done:.1%}" for each, done in self._under_way.items() if each != text]
            print(*parts, f"{text}: {part:.1%}", f"elapsed {now - self._begun:.0f} s", sep=", ", file=sys.stderr)
