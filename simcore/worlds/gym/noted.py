"""Recording which environment of a batch is working, so that one that hangs can be named."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import gymnasium

Env = gymnasium.Env[Any, Any]


class Note(Protocol):
    """Numbers by place: a list, or an array that processes share."""

    def __setitem__(self, place: int, number: int, /) -> None:
        """Write a number."""
        ...


class Noted(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that writes its environment's number into a note before the environment works.

    Args:
        env: the environment.
        number: its number in the batch.
        note: where the number is written.
        place: the index in the note.
    """

    def __init__(self, env: Env, number: int, note: Note, place: int) -> None:
        super().__init__(env)
        self._number = number
        self._note = note
        self._place = place

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        self._note[self._place] = self._number
        return self.env.reset(**arguments)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take an action."""
        self._note[self._place] = self._number
        return self.env.step(action)


def makers(make: Callable[[], Env], numbers: range, note: Note, place: int = 0) -> list[Callable[[], Env]]:
    """Return functions that make the environments of these numbers, each of which notes when it works."""
    return [partial(_make_noted, make, number, note, place) for number in numbers]


def _make_noted(make: Callable[[], Env], number: int, note: Note, place: int) -> Env:
    note[place] = number
    return Noted(make(), number, note, place)
