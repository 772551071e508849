"""Failures of a user's own code, reported in one line: whose it was, the exception, and its file and line."""

import linecache
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import NamedTuple

from simcore.common.errors import UserError

LONGEST = 400
"""The most letters of an exception's own message in a line."""
OURS = f"{Path(__file__).parents[1]}{os.sep}"
STANDARD = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib"))
INSTALLED = ("site-packages", "dist-packages")
FRAMEWORKS = ("simcore", "gymnasium", "numpy", "torch")
"""Packages that call a user's code, or that it calls: an error raised in them is not reported as theirs."""

_modules: set[str] = set()


class UserCodeError(UserError, ValueError):
    """A user's own code is not there, failed, or is not what it says; the cause is the exception that it raised."""


class Place(NamedTuple):
    """A line of code."""

    file: str
    line: int
    function: str = ""
    """With its class, such as `Hall.step`; empty for a module's own lines."""

    def __str__(self) -> str:
        try:
            inside = os.path.relpath(self.file)
        except (OSError, ValueError):  # there is no current folder any more, or it is on another drive
            inside = os.pardir
        file = self.file if inside.startswith(os.pardir) else inside
        return f"{file}:{self.line}{f', in {self.function}' if self.function else ''}"


@contextmanager
def importing(module: str) -> Iterator[None]:
    """Record that a module and what its import brings along are a user's, for `as_user_code_error`."""
    before = set(sys.modules)
    yield
    brought = {name for name in sys.modules.keys() - before if _is_users(_file_of(name))}
    _modules.update({name.partition(".")[0] for name in (module, *brought)} - set(FRAMEWORKS))


def note_users(part: object) -> None:
    """Record that the module of a class or function is a user's, for `as_user_code_error`."""
    package = str(getattr(part, "__module__", "")).partition(".")[0]
    _modules.update({package} - {"", *FRAMEWORKS})


def is_ours(part: object) -> bool:
    """Return whether a class or function is SimCore's own."""
    return str(getattr(part, "__module__", "")).partition(".")[0] == "simcore"


def as_user_code_error(error: BaseException) -> UserCodeError | None:
    """Return the error that reports a failure in a user's module; None for any other failure.

    Args:
        error: an exception, also of SimCore's own code or a library's that a user's module called or was called by.
    """
    if isinstance(error, UserCodeError):
        return error
    if isinstance(error, UserError) or not isinstance(error, Exception | SystemExit):
        return None
    for each in _chain(error):
        for frame, _ in traceback.walk_tb(each.__traceback__):
            package = str(frame.f_globals.get("__name__")).partition(".")[0]
            if package in _modules:
                return failure(package, error)
    return None


@contextmanager
def user_code(whose: str) -> Iterator[None]:
    """Tell of a failure of a user's code in a `with` block.

    Args:
        whose: whose code runs and what it does, for the message.

    Raises:
        UserCodeError: the code raised any exception but a `UserError` or a request to stop, such as Ctrl-C.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise failure(whose, error) from error


def failure(whose: str, error: BaseException) -> UserCodeError:
    """Return the error that says in one line whose code failed, how, and where."""
    told = UserCodeError(f"{whose} failed: {in_a_line(error)}")
    told.__cause__ = error
    return told


def in_a_line(error: BaseException) -> str:
    """Describe an exception in one line, with the innermost place of a user's code: `KeyError: 'x' (hall.py:12)`."""
    if isinstance(error, UserError):
        return str(error)
    # A framework may have raised an exception of its own because of one in the user's code, which says more.
    found = ((each, place) for each in _chain(error) if (place := place_of(each)) is not None)
    told, place = next(found, (error, None))
    text = _message(told) or _source(place)
    name = type(told).__name__
    return f"{name}{f': {text}' if text else ''}{f' ({place})' if place else ''}"


def place_of(error: BaseException) -> Place | None:
    """Return the innermost line of a user's code that an exception went through; of an installed package if none is."""
    if isinstance(error, SyntaxError) and error.filename:
        return Place(error.filename, error.lineno or 1)
    frames = list(traceback.walk_tb(error.__traceback__))[::-1]
    for is_wanted in (_is_users, _is_installed):
        for frame, line in frames:
            if is_wanted(frame.f_code.co_filename):
                return Place(frame.f_code.co_filename, line, _function(frame.f_code))
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, then the one that it came of, and so on."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        yield following
        seen.add(id(following))
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)


def _file_of(module: str) -> str:
    """Return the file of an imported module; that of a built-in one begins with `<`."""
    return getattr(sys.modules[module], "__file__", None) or "<built-in>"


def _is_users(file: str) -> bool:
    """Return whether a file is neither SimCore's, nor Python's, nor an installed package's."""
    is_library = file.startswith((OURS, *STANDARD, "<")) or any(part in INSTALLED for part in Path(file).parts)
    return not is_library


def _is_installed(file: str) -> bool:
    """Return whether a file is of an installed package, such as that of an environment, but not of a framework."""
    parts = Path(file).parts
    packages = [parts[index + 1] for index, part in enumerate(parts[:-1]) if part in INSTALLED]
    return bool(packages) and packages[-1] not in FRAMEWORKS


def _function(code: CodeType) -> str:
    name = code.co_qualname.replace("<locals>.", "")
    return "" if name == "<module>" else name


def _message(error: BaseException) -> str:
    """Return an exception's own message as one line, not too long."""
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # of the exception's own class, which may do anything
        return ""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _source(place: Place | None) -> str:
    """Return the line of code itself, which is all there is to say of a bare `assert`."""
    return "" if place is None else linecache.getline(place.file, place.line).strip()
