"""Reading a user's files: regular ones alone, since a pipe or a device could keep the program waiting for ever."""

import errno
import json
import os
import stat
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from simcore.common.errors import UserError


def open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file for reading, without waiting for anyone.

    Raises:
        OSError: it cannot be opened, or is a folder, a pipe, a socket or a device.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "it is a pipe or a device, and no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: str | Path) -> bytes:
    """Return the contents of a regular file.

    Raises:
        OSError: as for `open_regular`.
    """
    with open_regular(path) as file:
        return file.read()


def read_json(path: str | Path) -> Any:
    """Return the contents of a JSON file, in UTF-8, UTF-16 or UTF-32.

    Raises:
        OSError: as for `open_regular`.
        ValueError: it is not JSON, too deeply nested, or names a field twice; the message is one line.
    """
    try:
        return json.loads(read_regular(path), object_pairs_hook=_each_once)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_toml(path: str | Path, kind: str = "") -> tuple[dict[str, Any], bytes]:
    """Return the contents of a TOML file, parsed and as they are.

    Args:
        path: the file.
        kind: what it is, for messages, with a space after it.

    Raises:
        UserError: it cannot be read, or is no TOML.
    """
    try:
        data = read_regular(path)
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        raise UserError(f"cannot read {kind}{path}: {getattr(error, 'strerror', None) or error}") from error
    return parse_toml(data, path), data


def parse_toml(data: bytes, path: str | Path) -> dict[str, Any]:
    """Parse TOML in UTF-8, with or without a byte order mark.

    Raises:
        UserError: it is no TOML; the message names `path`.
    """
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no TOML: it is not in UTF-8") from error
    except RecursionError as error:
        raise UserError(f"{path} is no TOML: it is nested too deeply") from error
    except ValueError as error:
        raise UserError(f"{path} is no TOML: {' '.join(str(error).split())}") from error


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it names {next(name for name in names if names.count(name) > 1)!r} twice")
    return table
