"""Checks of a user's choices, which raise `UserError`."""

import numbers
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from simcore.common.errors import UserError

LONGEST_TEXT = 1000
"""The most letters of a text in a configuration."""
LONGEST_TUPLE = 64
"""The most numbers in a tuple of a configuration."""
SHOWN = 60
"""The most letters of a wrong value that a message shows."""
LARGEST = sys.float_info.max
_NUMBERS: Mapping[Any, str] = {int: "a whole number", float: "a finite number"}


def require(condition: bool, message: str) -> None:
    """Raise `UserError(message)` unless the condition holds."""
    if not condition:
        raise UserError(message)


@dataclass(frozen=True)
class Range:
    """The values that a number may have, for a field's type: `rate: Annotated[float, Range(0, 1)]`."""

    low: float
    high: float
    """The largest value, or the smallest that is too large."""
    is_open: bool = False
    """Whether `high` itself is too large."""

    def __contains__(self, value: float) -> bool:
        return self.low <= value < self.high or (value == self.high and not self.is_open)

    def __str__(self) -> str:
        return f"at least {self.low} and less than {self.high}" if self.is_open else f"from {self.low} to {self.high}"


MAX_COUNT = 10**12
"""The most of what only takes time."""
Count = Annotated[int, Range(1, MAX_COUNT)]
"""A number of steps, updates, worlds or the like, one at least."""
CountOrZero = Annotated[int, Range(0, MAX_COUNT)]
"""The same, where 0 has a meaning."""
Capacity = Annotated[int, Range(1, 2**20)]
"""A number of what is in memory at the same time, such as worlds of a batch, or the steps of a trajectory."""
Width = Annotated[int, Range(1, 2**16)]
"""A number of units, channels, or other features of a net."""
WidthOrZero = Annotated[int, Range(0, 2**16)]
"""The same, where 0 stands for no such layer."""
Positive = Annotated[float, Range(1e-37, 1e37)]
"""A factor or rate: what float32 can express, with some room for its products."""
NonNegative = Annotated[float, Range(0.0, 1e37)]
"""The same, where 0 leaves out what it weighs."""
Decay = Annotated[float, Range(0.0, 1.0, is_open=True)]
"""The decay of a moving average."""
Seed = Annotated[int, Range(0, 2**31 - 1)]
"""What seeds generators."""


def require_fields(section: str, values: object) -> None:
    """Raise `UserError` unless each field of a dataclass is of its type and within its `Range`.

    Args:
        section: what the fields' names begin with in messages, such as `agent.`; "--": they are flags.
        values: the dataclass.
    """
    wrong = wrong_field(values)
    if wrong is not None:
        name, space, rest = wrong.partition(" ")
        # Flags are written with dashes where fields have underscores.
        raise UserError(f"{section}{name.replace('_', '-') if section == '--' else name}{space}{rest}")


def wrong_field(values: Any) -> str | None:
    """Return what is wrong with the first field of a dataclass that is not of its type or within its `Range`, if any.

    Numbers of NumPy become Python's, and lists tuples, so that JSON can hold the fields and they can be compared. Types
    that are not known here, as those of a user's own part, are not checked.
    """
    for name, kind in _types(type(values)).items():  # type: ignore[arg-type]
        given = getattr(values, name)
        value = _plain(given)
        allowed = wrong_value(value, kind)
        if allowed is not None:
            return f"{name} must be {allowed}, not {shown(given)}"
        if value is not given and is_checked(kind):
            object.__setattr__(values, name, value)  # as a frozen dataclass does itself where it is made
    return None


def is_checked(kind: Any) -> bool:
    """Return whether `require_fields` checks fields of a type, other than that of a section."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return is_checked(inner[0])
    if origin in (Union, types.UnionType, tuple):
        return all(each is Ellipsis or is_checked(each) for each in inner)
    return origin is Literal or kind in (int, float, bool, str, type(None))


def takes(kind: Any, wanted: type) -> bool:
    """Return whether a type is `wanted`, or one of its alternatives is."""
    return kind is wanted or any(takes(each, wanted) for each in get_args(kind))


def shown(value: object) -> str:
    """Return a value for a message, in a short line."""
    try:
        text = repr(value)
    except ValueError:  # of a number with thousands of digits
        text = "a number of more digits than Python prints"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} letters)"


@cache
def _types(kind: Any) -> Mapping[str, Any]:
    """Return the types of a dataclass's fields."""
    try:
        hints = get_type_hints(kind, include_extras=True)
    except NameError:  # a user's, with names that are not in its module
        return {}
    return {field.name: hints[field.name] for field in fields(kind)}


def _plain(value: Any) -> Any:
    """Return a value with Python's own numbers, and with tuples in place of lists."""
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    if isinstance(value, bool):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def wrong_value(value: object, kind: Any) -> str | None:
    """Return None if a value fits the type of a field, else what is allowed in its place."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        ranges = [each for each in inner[1:] if isinstance(each, Range)]
        is_within = wrong_value(value, inner[0]) is None and all(value in each for each in ranges)  # type: ignore[operator]
        return None if is_within else " ".join([_NUMBERS.get(inner[0], str(inner[0])), *map(str, ranges)])
    if origin in (Union, types.UnionType):
        found = [wrong_value(value, each) for each in inner]
        return None if None in found else " or ".join(str(each) for each in found)
    if origin is Literal:
        return None if value in inner else f"one of {', '.join(map(str, inner))}"
    if origin is tuple:
        return _allowed_tuple(value, inner)
    if kind is type(None):
        return None if value is None else "none"
    if kind in _NUMBERS:
        if isinstance(value, int if kind is int else int | float) and not isinstance(value, bool):
            if kind is int:
                return None if abs(value) < 2**63 else f"{_NUMBERS[int]} of 64 bits"
            return None if -LARGEST <= value <= LARGEST else _NUMBERS[float]  # so is NaN
        return _NUMBERS[kind]
    if kind is bool:
        return None if isinstance(value, bool) else "true or false"
    if kind is str:
        is_text = isinstance(value, str) and 1 <= len(value) <= LONGEST_TEXT and all(map(_is_printable, value))
        return None if is_text else f"a text of 1 to {LONGEST_TEXT} printable letters"
    if is_dataclass(kind):
        return None if isinstance(value, kind) else f"of the class {kind.__name__}"  # type: ignore[arg-type, union-attr]
    return None


def _allowed_tuple(value: object, inner: tuple[Any, ...]) -> str | None:
    """Return None if a value is a tuple of such elements, else what is allowed."""
    is_any_length = len(inner) == 2 and inner[1] is Ellipsis
    length = len(value) if isinstance(value, tuple) else 0
    if not isinstance(value, tuple) or length > LONGEST_TUPLE or not (is_any_length or length == len(inner)):
        return f"a list of {f'at most {LONGEST_TUPLE}' if is_any_length else len(inner)}"
    kinds = inner[:1] * length if is_any_length else inner
    found = [wrong_value(element, kind) for element, kind in zip(value, kinds, strict=True)]
    return next((f"a list, each {allowed}" for allowed in found if allowed is not None), None)


def _is_printable(letter: str) -> bool:
    """Return whether a letter can be printed, or stands for a byte of a path that is not text."""
    return letter.isprintable() or "\udc80" <= letter <= "\udcff"
