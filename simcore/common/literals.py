"""Values that a user writes as text, in a flag or a file: literals of Python, JSON and TOML."""

import ast
import json
import tomllib
import warnings
from collections.abc import Mapping
from typing import Any

WORDS: dict[str, Any] = {
    "true": True,
    "false": False,
    "null": None,
    "none": None,
    "inf": float("inf"),
    "infinity": float("inf"),
    "nan": float("nan"),
}
"""Words that are values, in capitals or not."""


def literal(text: str) -> Any:
    """Return the value of a literal of Python, JSON or TOML; the text itself if it is none.

    >>> [literal(text) for text in ("false", "null", "1_000", '"false"', "{a = 1}", "hard", "2024-10-01")]
    [False, None, 1000, 'false', {'a': 1}, 'hard', '2024-10-01']

    Dates are text: no argument of a part or an environment is one.
    """
    for read in (json.loads, _python, _toml):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # not such a literal
            continue
    return text


def as_arguments(values: Mapping[str, Any]) -> str:
    """Show values by name, as arguments of Python: `easy=False, size='big'`."""
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


class _Words(ast.NodeTransformer):
    """Replaces each of the `WORDS` by its value."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        word = node.id.lower()
        return ast.copy_location(ast.Constant(WORDS[word]), node) if word in WORDS else node


def _python(text: str) -> Any:
    if not text.strip():
        raise ValueError("empty")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of `1if`, or of '\d'
        tree = ast.parse(
            f"({text.strip()})", mode="eval"
        )  # in brackets, which a comment would leave open: 12#34 is text
    return ast.literal_eval(_Words().visit(tree))


def _toml(text: str) -> Any:
    """Return a TOML table; what else TOML alone has are dates."""
    ((value,),) = tomllib.loads(f"values = [{text}]").values()
    json.dumps(value)  # which refuses dates
    return value
