"""A sheet of pictures: rows with a name at the left, columns with a head, a title and a caption."""

from collections.abc import Mapping, Sequence

from simcore.pictures.canvas import FAINT, WORDS, Canvas, Picture, width_of, wrapped

MARGIN, GAP = 16, 8
TITLE = 18
"""Size of the title, in pixels."""
LINE = 1.35
"""Height of a line of words, in sizes."""


def draw_sheet(
    title: str, heads: Sequence[str], rows: Mapping[str, Sequence[Picture | None]], caption: str = ""
) -> Picture:
    """Draw rows of pictures under one another.

    Args:
        title: above them.
        heads: of the columns.
        rows: the pictures by the name of their row, one for each column; None leaves its place empty.
        caption: under them, broken into lines where it is too wide.
    """
    shown = {name: [picture for picture in row if picture is not None] for name, row in rows.items()}
    label = max(map(width_of, rows), default=0)
    column = max([picture.shape[1] for row in shown.values() for picture in row] + [width_of(head) for head in heads])
    heights = {name: max((picture.shape[0] for picture in row), default=0) for name, row in shown.items()}
    left = MARGIN + label + GAP
    width = max(left + len(heads) * (column + GAP), MARGIN + width_of(title, TITLE)) + MARGIN - GAP
    lines = wrapped(caption, width - 2 * MARGIN)
    top, line = MARGIN + round(1.8 * TITLE), round(LINE * WORDS)
    below = top + line + sum(heights.values()) + len(rows) * GAP
    canvas = Canvas(width, below + len(lines.splitlines()) * line + MARGIN)
    canvas.words(MARGIN, MARGIN, title, TITLE)
    for place, head in enumerate(heads):
        canvas.words(left + place * (column + GAP) + column / 2, top, head, colour=FAINT, anchor="ma")
    y = top + line
    for name, row in rows.items():
        canvas.words(left - GAP, y + heights[name] / 2, name, anchor="rm")
        for place, picture in enumerate(row):
            if picture is not None:
                canvas.put(left + place * (column + GAP) + (column - picture.shape[1]) // 2, y, picture)
        y += heights[name] + GAP
    canvas.words(MARGIN, below, lines)
    return canvas.pixels
