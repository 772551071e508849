"""Failures of a user's code, told in one line."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simcore.common.errors import UserError
from simcore.common.registry import import_user_module
from simcore.common.user_code import UserCodeError, as_user_code_error, in_a_line, user_code

numbers = itertools.count()


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a module into the current folder, and return its name, which no other test has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())

    def write(text: str) -> str:
        name = f"code_of_mine_{next(numbers)}"
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return write


class Silent(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise ValueError("not even this")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise KeyError('')", "KeyError: ''"),
        ("assert a > 3", "AssertionError: assert a > 3"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
        ("raise ValueError('x' * 1000)", f"ValueError: {'x' * 400}..."),
        ("None.shape", "AttributeError: 'NoneType' object has no attribute 'shape'"),
        ("import numpy; numpy.zeros(3).reshape(2)", "ValueError: cannot reshape array of size 3 into shape (2,)"),
        ("import json; json.loads('{')", "JSONDecodeError: Expecting property name enclosed in double quotes: .*"),
        ("raise MemoryError", "MemoryError: raise MemoryError"),
    ],
)
def test_exception_and_innermost_line_of_the_users_code_are_told(
    body: str, told: str, written: Callable[[str], str]
) -> None:
    name = written(f"class Hall:\n    def step(self, a=1):\n        {body}\n")
    hall = import_user_module(name, "the hall").Hall()
    with pytest.raises(UserCodeError) as caught, user_code("Hall-v0: its step"):
        hall.step()
    (line,) = str(caught.value).splitlines()
    place = f" ({name}.py:3, in Hall.step)"
    assert line.endswith(place)
    head = line.removesuffix(place)
    expected = f"Hall-v0: its step failed: {told.removesuffix('.*')}"
    assert head.startswith(expected) if told.endswith(".*") else head == expected
    assert caught.value.__cause__ is not None


def test_an_exception_that_cannot_be_printed_is_told_by_its_class() -> None:
    with pytest.raises(UserCodeError, match=r"it failed: Silent: raise Silent \("), user_code("it"):
        raise Silent


def test_recursion_is_told(written: Callable[[str], str]) -> None:
    module = import_user_module(written("def again():\n    again()\n"), "it")
    with pytest.raises(UserCodeError, match=r"RecursionError: .*:2, in again"), user_code("it"):
        module.again()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UserError("a line")])
def test_requests_to_stop_and_lines_for_the_user_stay_themselves(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, user_code("it"):
        raise error
    assert caught.value is error


def test_the_exception_of_the_user_is_told_where_a_framework_raised_another() -> None:
    def framework() -> None:
        try:
            {}["deep"]
        except KeyError as error:
            raise TypeError("something was raised").with_traceback(None) from error

    with pytest.raises(TypeError) as caught:
        framework()
    caught.value.__traceback__ = None  # as if it had been raised outside of the user's code
    assert in_a_line(caught.value).startswith("KeyError: 'deep' (")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_library", r"{name} needs no_such_library, which is not installed \({name}.py:1\)"),
        ("import os.nowhere", r"{name} needs os.nowhere, which is not installed"),
        ("from os import nowhere", r"the module {name} failed: ImportError: cannot import name .* \({name}.py:1\)"),
        ("\ndef f(:", r"the module {name} failed: SyntaxError: invalid syntax \({name}.py:2\)"),
        ("import sys; sys.exit(3)", r"the module {name} failed: SystemExit: 3 \({name}.py:1\)"),
        ("1 / 0", r"the module {name} failed: ZeroDivisionError: division by zero \({name}.py:1\)"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_with_the_reason(
    text: str, message: str, written: Callable[[str], str]
) -> None:
    name = written(text)
    with pytest.raises(UserCodeError, match=f"^cannot import the hall: {message.format(name=name)}"):
        import_user_module(name, "the hall")


def test_a_module_that_is_nowhere_is_told_with_the_folder(written: Callable[[str], str], tmp_path: Path) -> None:
    written("")
    for module in ("nowhere_at_all", "nowhere_at_all.inside"):
        with pytest.raises(UserCodeError, match=f"there is no module nowhere_at_all, neither .* nor in {tmp_path}"):
            import_user_module(module, "the hall")


def test_no_file_of_the_current_folder_hides_a_library(written: Callable[[str], str], tmp_path: Path) -> None:
    name = written("import colorsys\n")
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('hidden')")
    sys.modules.pop("colorsys", None)
    assert not import_user_module(name, "it").colorsys.__file__.startswith(str(tmp_path))


def test_failures_are_known_as_a_users_by_the_modules_that_were_imported_for_one(written: Callable[[str], str]) -> None:
    helper = written("def fail():\n    return {}['x']\n")
    module = import_user_module(written(f"from {helper} import fail\n"), "the hall")

    def failure(function: Callable[[], Any]) -> UserCodeError | None:
        try:
            function()
        except Exception as error:
            return as_user_code_error(error)
        return None

    told = failure(module.fail)
    assert told is not None
    assert str(told) == f"{helper} failed: KeyError: 'x' ({helper}.py:2, in fail)"
    assert isinstance(told.__cause__, KeyError)
    assert failure(lambda: 1 // 0) is None  # a fault of nobody's module
