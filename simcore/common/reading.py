"""Reading a user's files: only regular ones, since a pipe or a device could keep the program waiting forever."""

import errno
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from simcore.common.errors import UserError
from simcore.common.parsing import parse_json, parse_toml


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
    """Return what is in a JSON file.

    Raises:
        OSError: as for `open_regular`.
        ValueError: it is not JSON, too deeply nested, or names a field twice; the message is one line.
    """
    return parse_json(read_regular(path), each_once=True)


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
    return toml_of(data, path), data


def toml_of(data: bytes, path: str | Path) -> dict[str, Any]:
    """Parse the TOML of a file, which is in UTF-8 with or without a byte order mark.

    Raises:
        UserError: it is no TOML; the message names `path`.
    """
    try:
        return parse_toml(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no TOML: it is not in UTF-8") from error
    except ValueError as error:
        raise UserError(f"{path} is no TOML: {' '.join(str(error).split())}") from error
