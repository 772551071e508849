"""Progress of long work, by a callback."""

from collections.abc import Callable

Advance = Callable[[str, float], None]
"""A progress callback: what is being done, and the fraction of it that is done."""


def silent(text: str, part: float) -> None:
    """Report no progress."""
