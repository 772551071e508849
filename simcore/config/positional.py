"""Marks what the command line takes without a flag; the mark is tyro's, and without tyro there is none."""

from typing import TYPE_CHECKING, Annotated, TypeVar

if TYPE_CHECKING:
    from tyro.conf import Positional
else:
    try:
        from tyro.conf import Positional
    except ModuleNotFoundError:  # it belongs to the extra `cli`, and a configuration is made without it as well
        Positional = Annotated[TypeVar("Value"), "positional"]

__all__ = ["Positional"]
