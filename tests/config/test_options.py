"""Options of a user's own parts, from text to the fields of a dataclass."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from simcore.common.errors import UserError
from simcore.config.options import structure_options


@dataclass(frozen=True)
class Own:
    width: int = 3
    rate: float = 0.5
    flag: bool = True
    mode: str = "sum"
    choice: Literal["none", "mean"] = "mean"
    limit: int | None = 4
    sizes: tuple[int, ...] = ()
    table: dict[str, int] | None = None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("width=1_000", 1000), ("width=0x1f", 31), ("rate=inf", math.inf), ("rate=3", 3.0), ("rate=1e-3", 0.001)],
        *[("flag=false", False), ("flag=FALSE", False), ("limit=none", None), ("limit=null", None), ("limit=3", 3)],
        *[
            ("mode=none", "none"),
            ("mode=3", "3"),
            ("mode='none'", "none"),
            ("mode=mean", "mean"),
            ("choice=none", "none"),
        ],
        *[("sizes=[1, 2]", (1, 2)), ("sizes=(1,)", (1,)), ('table={"a": 1}', {"a": 1}), ("table={a = 1}", {"a": 1})],
    ],
)
def test_a_literal_is_a_value_unless_the_field_is_text(text: str, value: Any) -> None:
    name = text.partition("=")[0]
    made = structure_options(Own, "part", [f"part.{text}"])
    assert getattr(made, name) == value
    assert type(getattr(made, name)) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(structure_options(Own, "part", ["part.rate=nan"]).rate)


@pytest.mark.parametrize(
    "text", ["width=2.5", "width=true", "flag=1", "flag=yes", "rate=fast", "sizes=3", "choice=sum"]
)
def test_a_value_of_another_type_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"part"):
        structure_options(Own, "part", [f"part.{text}"])
