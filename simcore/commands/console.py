"""What the commands print with."""

from rich.console import Console


def say(*lines: str) -> None:
    """Print lines as they are, never wrapped, so that a path can be copied."""
    for line in lines:
        print(line)


def wide_console() -> Console:
    """Return a console that gives a wide table its room where there is no screen to be narrow."""
    console = Console()
    return console if console.is_terminal else Console(width=160)
