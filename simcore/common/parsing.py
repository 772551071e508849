"""Reading JSON and TOML that anyone may have written or damaged."""

import json
import tomllib
from collections.abc import Sequence
from typing import Any


def parse_json(text: str | bytes, each_once: bool = False) -> Any:
    """Return the value that a JSON text stands for.

    Args:
        text: in UTF-8, UTF-16 or UTF-32 if it is bytes.
        each_once: refuse a name that a table has twice; else the last value counts.

    Raises:
        ValueError: it is not JSON, not even text, or nested more deeply than Python can follow.
    """
    try:
        return json.loads(text, object_pairs_hook=_table if each_once else None)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_toml(text: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Raises:
        ValueError: it is not TOML, or nested more deeply than Python can follow.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _table(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return a table from its names and values; raise `ValueError` if it has a name twice."""
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it names {next(name for name in names if names.count(name) > 1)!r} twice")
    return table
