"""The mark of a field that the command line takes without a flag: tyro's `Positional`, or a stand-in without tyro."""

from typing import TYPE_CHECKING, Annotated, TypeVar

if TYPE_CHECKING:
    from tyro.conf import Positional
else:
    try:
        from tyro.conf import Positional
    except ModuleNotFoundError:  # it belongs to the extra `cli`, and configurations must work without it
        Positional = Annotated[TypeVar("Value"), "positional"]

__all__ = ["Positional"]
