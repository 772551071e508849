"""The live page's messages: commands as JSON text to the server, binary views with arrays to the page.

A view is a little-endian uint32 L, L bytes of JSON, and the bytes of arrays. The JSON is an object of `kind`, `view`,
and `arrays`, a list of [dtype, shape, offset]; within the view `{"array": number}` stands for one of them. Offsets
count from the first array's start; they and that start are multiples of 8. A dtype is uint8, int32 or float32,
little-endian; NaN is null.
"""

import json
import math
import struct
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcore.common.checks import shown
from simcore.common.errors import UserError
from simcore.viewer.world import MOST_SEEDS

LARGEST = 1024
"""The most bytes of a command."""
ALIGNMENT = 8
FASTEST = 60
"""The most steps a second."""


class Command(NamedTuple):
    """What a person asked for: `do`, and a value if that needs one."""

    do: str
    value: Any = None


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST_SEEDS


def _is_pace(value: object) -> bool:
    # No float() of it: a whole number may be too large for one.
    return type(value) in (int, float) and 0.1 <= value <= FASTEST  # type: ignore[operator]


_NOTHING = ("nothing", lambda value: value is None)
_FLAG = ("true or false", lambda value: type(value) is bool)
_COUNT = ("a whole number from 0", _is_count)
_COUNT_OR_NONE = ("a whole number from 0, or null", lambda value: value is None or _is_count(value))
_DRIVER = ("you, walker or agent", lambda value: value in ("you", "walker", "agent") and type(value) is str)
COMMANDS = {
    "press": _COUNT,  # an action's key goes down: a step at once, and more for as long as it is held
    "release": _COUNT,  # it goes up
    "driver": _DRIVER,
    "pause": _FLAG,
    "step": _NOTHING,  # one step of whoever drives
    "reset": _COUNT_OR_NONE,  # a new world of a seed; null: of the next one
    "blindfold": _FLAG,
    "plan": ("walker, agent, you, or the number of an action", lambda value: _DRIVER[1](value) or _is_count(value)),
    "look": _COUNT_OR_NONE,  # at a moment of the time line; null: the newest
    "branch": _NOTHING,  # make the moment that is looked at the present
    "pace": (f"a number of steps a second from 0.1 to {FASTEST}", _is_pace),
    "sharp": _FLAG,  # send what sharp eyes would see
    "history": _NOTHING,  # send the time line again
}
"""The commands, each with what its value is, in words, and the check of it."""


def parse_command(text: str | bytes) -> Command:
    """Parse a command, `{"do": name, "value": value}`.

    Raises:
        UserError: it is none; the message says why in one short line.
    """
    if not isinstance(text, str):
        raise UserError("commands are text, and this is binary")
    try:
        told = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise UserError("this is no JSON") from None
    if not isinstance(told, dict) or not set(told) <= {"do", "value"} or type(told.get("do")) is not str:
        raise UserError('a command is {"do": name, "value": value}')
    name, value = told["do"], told.get("value")
    if name not in COMMANDS:
        raise UserError(f"there is no command {shown(name)}; there are {', '.join(COMMANDS)}")
    words, is_right = COMMANDS[name]
    if not is_right(value):
        raise UserError(f"{name} takes {words}, not {shown(value)}")
    return Command(name, value)


def encode_view(kind: str, view: Any) -> bytes:
    """Encode a view: nested dataclasses, named tuples, dicts, tuples, numbers, texts and arrays."""
    arrays: list[NDArray[Any]] = []
    content = _plain(view, arrays)
    offset, places = 0, []
    for array in arrays:
        places.append([str(array.dtype), list(array.shape), offset])
        offset += _aligned(array.nbytes)
    header = json.dumps({"kind": kind, "arrays": places, "view": content}, separators=(",", ":")).encode()
    header += b" " * (_aligned(4 + len(header)) - 4 - len(header))
    parts = [struct.pack("<I", len(header)), header]
    for array in arrays:
        parts.append(array.tobytes())
        parts.append(b"\0" * (_aligned(array.nbytes) - array.nbytes))
    return b"".join(parts)


def decode_view(data: bytes) -> tuple[str, Any]:
    """Decode a view into its kind, and dicts, lists, numbers, texts and arrays: what the page does."""
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    begin = 4 + length
    arrays = []
    for dtype, shape, offset in header["arrays"]:
        flat = np.frombuffer(data, dtype, count=math.prod(shape), offset=begin + offset)
        arrays.append(flat.reshape(shape))

    def restored(value: Any) -> Any:
        if isinstance(value, dict):
            return arrays[value["array"]] if set(value) == {"array"} else {k: restored(v) for k, v in value.items()}
        return [restored(each) for each in value] if isinstance(value, list) else value

    return header["kind"], restored(header["view"])


def _plain(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Return a value in JSON's types, its arrays put aside."""
    if isinstance(value, np.ndarray):
        dtype = {"u": "uint8", "i": "int32", "b": "uint8"}.get(value.dtype.kind, "float32")
        arrays.append(np.ascontiguousarray(value if value.dtype == dtype else value.astype(dtype)))
        return {"array": len(arrays) - 1}
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(each, arrays) for name, each in value._asdict().items()}
    if isinstance(value, dict):
        return {str(name): _plain(each, arrays) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each, arrays) for each in value]
    return value


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
