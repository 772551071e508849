"""Access to a configuration's fields by dotted names, such as `learning.learning_rate`."""

import copy
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from simcore.common.checks import require
from simcore.config.run import Config

AT_THE_TOP = {"level": "level", "preset": "preset", "seed": "seeds"}
"""Fields that a sweep's file has at its top, and their names there."""


def flatten(table: Mapping[str, Any], known: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a table's values by dotted field; `a.b = 1`, `"a.b" = 1` and a table `a` with `b = 1` are equivalent.

    Args:
        table: of a TOML file.
        known: the configuration as nested dicts, which has all existing fields.
        where: the table's name, for messages.

    Raises:
        UserError: there is no such field, it is a whole section, or it is named twice.
    """
    fields: dict[str, Any] = {}
    for field, value in _walk(table, known, ""):
        at_the_top = AT_THE_TOP.get(field)
        require(at_the_top is None, f"{where}: {field} is said at the top of the file, as {at_the_top} = ...")
        require(exists(known, field), f"{where}: there is no field {field}{_meant(field, known)}")
        require(not is_section(known, field), f"{where}: {field} is a section; name a field of it")
        require(field not in fields, f"{where} names {field} twice")
        fields[field] = value
    return fields


def look_up(known: Mapping[str, Any], field: str) -> Any:
    """Return the value of a dotted field.

    Raises:
        KeyError: there is no such field.
    """
    value: Any = known
    for key in field.split("."):
        if not isinstance(value, Mapping):
            raise KeyError(field)
        value = value[key]
    return value


def exists(known: Mapping[str, Any], field: str) -> bool:
    """Return whether there is a field or section of this name."""
    try:
        look_up(known, field)
    except KeyError:
        return False
    return True


def is_section(known: Mapping[str, Any], field: str) -> bool:
    """Return whether a dotted name is that of a section."""
    return exists(known, field) and isinstance(look_up(known, field), dict)


def configure(base: Mapping[str, Any], values: Mapping[str, Any]) -> Config:
    """Return a configuration with some fields changed.

    Args:
        base: what `Config.to_dict` returned.
        values: by dotted field.

    Raises:
        UserError: a value is of a wrong type or out of its range, or two do not fit together.
    """
    nested: dict[str, Any] = copy.deepcopy(dict(base))
    for field, value in values.items():
        *sections, key = field.split(".")
        section = nested
        for name in sections:
            section = section[name]
        section[key] = value
    return Config.from_dict(nested)


def _walk(table: Mapping[str, Any], known: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        field = prefix + key.replace("-", "_")  # as the flags are written
        if isinstance(value, dict) and is_section(known, field):
            yield from _walk(value, known, f"{field}.")
        else:
            yield field, value


def _meant(field: str, known: Mapping[str, Any]) -> str:
    """Return a guess at the intended field, to be added to a message."""
    sections = {name: value for name, value in known.items() if isinstance(value, dict)}
    names = [name for name in known if name not in sections]
    names += [f"{name}.{key}" for name, section in sections.items() for key in section]
    close = [name for name in names if name.endswith(f".{field}")] or difflib.get_close_matches(field, names, n=1)
    return f"; perhaps {close[0]}" if close else "; simcore train --help lists them"
