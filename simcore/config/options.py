"""Options of a user's own parts: `part.field=value`, for the flag `--options` and `config.json`."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple, TypeVar, get_type_hints

import cattrs

from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.literals import literal

Options = TypeVar("Options")


class Option(NamedTuple):
    """One option of a user's own part."""

    part: str
    """frame_model, core, or the name of an objective."""
    field: str
    value: Any
    """As `literal` reads it."""
    text: str


def parse_options(texts: Sequence[str]) -> list[Option]:
    """Parse options `part.field=value`; values are literals of Python, JSON or TOML, anything else is a string.

    Raises:
        UserError: one does not have this form, or is given twice.
    """
    parsed: list[Option] = []
    for text in texts:
        name, equals, value = text.partition("=")
        part, dot, field = name.strip().rpartition(".")
        require(
            bool(equals and dot and part and field.isidentifier()),
            f"options holds {text!r}; it must be written part.field=value, as frame_model.width=32",
        )
        twice = any((option.part, option.field) == (part, field) for option in parsed)
        require(not twice, f"options gives {part}.{field} more than once")
        parsed.append(Option(part, field, literal(value.strip()), value.strip()))
    return parsed


def structure_options(kind: type[Options], part: str, texts: Sequence[str]) -> Options:
    """Make a part's dataclass of options from its own among all options.

    Args:
        kind: the dataclass; fields without an option keep their defaults.
        part: the name before the dot.
        texts: all options.

    Raises:
        UserError: it has no such field, a value is of a wrong type, or a field without default is not given.
    """
    given = {option.field: option for option in parse_options(texts) if option.part == part}
    require(is_dataclass(kind), f"the options of {part} must be a dataclass, not {kind.__name__}")
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in given:
        allowed = f"there are: {', '.join(known)}" if known else "it has none"
        require(name in known, f"{part} has no option {name}; {allowed}")
    types = get_type_hints(kind) if given else {}
    values = {name: fitting(option, types[name]) for name, option in given.items()}
    try:
        made = cattrs.Converter().structure(values, kind)
    except cattrs.BaseValidationError as error:
        raise UserError(f"options of {part}: {'; '.join(cattrs.transform_error(error, path=part))}") from error
    for name, value in values.items():
        require(is_kept(value, getattr(made, name)), f"{part}.{name} cannot be {value!r}")
    return made


def fitting(option: Option, kind: Any) -> Any:
    """Return an option's value, or its text if only that has the field's type, such as none for a text field."""
    for candidate in (option.value, option.text):
        with suppress(Exception):  # cattrs raises errors of many classes
            if is_kept(candidate, cattrs.Converter().structure(candidate, kind)):
                return candidate
    return option.value


def is_kept(value: Any, taken: Any) -> bool:
    """Return whether the conversion kept a value: it is lenient, and would convert 2.5 to 2, and any text to true."""
    if isinstance(value, float) and math.isnan(value):
        return isinstance(taken, float) and math.isnan(taken)
    fits = list(taken) == list(value) if isinstance(value, list | tuple) else taken == value
    return fits and isinstance(value, bool) == isinstance(taken, bool)
