"""Tables in terminals of any width: parted by columns, no number broken."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from simcore.commands.console import parts_of

HEADINGS = ("", "whole map", "out of sight 10+", "heading")
ROWS = (
    ("slots", "91.6 ± 37.6", "12.0 ± 1.1", "99.8 ± 0.1"),
    ("untrained agent's belief, slots", "7.1 ± 0.2", "–", "1"),
)


def printed(width: int) -> tuple[int, str]:
    """Return in how many parts a table is shown at a width, and what is printed."""
    table = Table(title="scores", caption="in percent")
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if number else "left")
    for row in ROWS:
        table.add_row(*row)
    parts, written = parts_of(table, width), io.StringIO()
    Console(width=width, file=written, markup=False).print(*parts)
    return len(parts), written.getvalue()


@pytest.mark.parametrize(("width", "parts"), [(120, 1), (72, 1), (60, 2), (44, 3)])
def test_a_table_that_is_too_wide_is_parted_and_keeps_every_cell(width: int, parts: int) -> None:
    count, text = printed(width)
    assert count == parts
    assert all(len(line) <= width for line in text.splitlines())
    for row in ROWS:
        for cell in row[1:]:
            assert cell in text, f"{cell} is broken"
    for word in " ".join(HEADINGS).split():
        assert word in text
    assert text.count("slots ") >= 2 * parts, "each part names its rows"
    assert text.count("scores") == text.count("in percent") == 1
    assert "…" not in text
