"""Values that are written as text."""

import math
from typing import Any

import pytest

from simcore.common.literals import as_arguments, literal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE", " false ")],
        *[(word, None) for word in ("null", "none", "None", "NULL")],
        *[("inf", math.inf), ("-inf", -math.inf), ("Infinity", math.inf)],
        *[("3", 3), ("-3", -3), ("+3", 3), ("1_000", 1000), ("0x1f", 31), ("0b11", 3), ("1e-3", 0.001), ("1.", 1.0)],
        *[("[1, 2]", [1, 2]), ("[1, 2,]", [1, 2]), ("(1, true)", (1, True)), ("[none, inf]", [None, math.inf])],
        *[('{"a": true}', {"a": True}), ("{'a': None}", {"a": None}), ("{a = 1, b = [true]}", {"a": 1, "b": [True]})],
        *[('"false"', "false"), ("'false'", "false"), ('"3"', "3"), ('"\\ud83d\\ude00"', "\U0001f600")],
    ],
)
def test_literals_of_python_json_and_toml_are_values(text: str, value: Any) -> None:
    assert literal(text) == value
    assert type(literal(text)) is type(value)


def test_nan_is_a_number() -> None:
    assert all(math.isnan(literal(text)) for text in ("nan", "NaN", "-nan"))


@pytest.mark.parametrize(
    "text",
    [
        *("hard", "", " ", "a=b", "RES_160X120", "yes", "not true", "-true", "f(x)", "007", "1+2", "2 if 1 else 3"),
        *("2024-10-01", "2024-01-01T10:00:00", "[2024-01-01]", "12#34", "[a, b]", "{", "1\nb = 2", "\0", "[" * 9999),
    ],
)
def test_anything_else_is_text(text: str) -> None:
    assert literal(text) == text


def test_values_are_shown_as_they_were_read() -> None:
    assert as_arguments({"easy": literal("false"), "size": literal("big")}) == "easy=False, size='big'"
