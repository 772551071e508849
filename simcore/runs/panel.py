"""The panel that shows a run's progress in a terminal."""

from collections.abc import Sequence

from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table

_WIDEST_PANEL = 100
_NARROWEST_OF_THREE = 76
"""Width, in columns, for three groups of facts side by side; a narrower panel stacks them."""


def make_panel(
    head: tuple[str, int, int, str], facts: Sequence[tuple[str, str]], widest_first: int, console_width: int
) -> Panel:
    """Make the panel of a run's progress.

    Args:
        head: the text left of the bar; the updates done, and in all; the text right of it.
        facts: twelve names with formatted numbers; the first four are the run's pace.
        widest_first: characters of the widest number that the first four can have.
        console_width: columns of the terminal.
    """
    width = min(console_width, _WIDEST_PANEL)
    left, done, total, right = head
    top = Table.grid("", "", "", padding=(0, 2), expand=True)
    top.columns[1].ratio = 1
    top.add_row(f"[bold]{left}[/]", ProgressBar(total=total, completed=done), f"[bold]{right}[/]")

    facts = list(facts)
    groups = [facts[:4], facts[4:8], facts[8:]] if width >= _NARROWEST_OF_THREE else [facts]
    body = Table.grid(padding=(0, 1), expand=True)
    for group in groups:
        if body.columns:
            body.add_column(ratio=1)  # shares out the space that is left between the groups
        body.add_column(style="dim", no_wrap=True)
        # As wide as the widest number can be, so that nothing moves.
        widest = widest_first if group is groups[0] else 10
        body.add_column(justify="right", min_width=widest, no_wrap=True)
    for row in zip(*groups, strict=True):
        body.add_row(*[cell for fact in row for cell in ("", *fact)][1:])

    page = Table.grid(expand=True)
    page.add_row(top)
    page.add_row("")
    page.add_row(body)
    return Panel(page, title="SimCore", title_align="left", border_style="dim", width=width)
