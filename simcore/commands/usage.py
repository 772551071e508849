"""Help, and what is said of arguments that cannot be parsed: one line, with what is allowed, and the nearest names."""

import difflib
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any, get_args

import docstring_parser

REWORDED = (
    (r"Error parsing __tyro-dummy-inner__[.](config[.])?", ""),
    (r"Error parsing (--\S+): invalid literal for int\(\) with base 10: (.*)", r"\1 must be a whole number, not \2"),
    (r"Error parsing (--\S+): could not convert string to float: (.*)", r"\1 must be a number, not \2"),
    (r"Error parsing (--\S+): no type matching .*\bINT\b.* from \['(.*)'\]", r"\1 must be a whole number, not '\2'"),
    (r"Error parsing (--\S+): no type matching .*\bFLOAT\b.* from \['(.*)'\]", r"\1 must be a number, not '\2'"),
)
"""Python's and tyro's words, and the project's."""


def complaint_of(box: str, prog: str, arguments: Sequence[str], show_help: Callable[[Sequence[str]], object]) -> str:
    """Return tyro's complaint as one line.

    Args:
        box: what tyro printed.
        prog: the program's name in help.
        arguments: those that it could not parse.
        show_help: prints the help of a command, given as arguments; it may raise `SystemExit`.
    """

    def help_of(*command: str) -> str:
        printed = io.StringIO()
        with redirect_stdout(printed), suppress(SystemExit):
            show_help(command)
        return printed.getvalue()

    text = unboxed(box).rstrip(".")
    for pattern, words in REWORDED:
        text = re.sub(pattern, words, text)
    command = [word for word in arguments[:1] if not word.startswith("-")]
    listed = re.search(r"\{([a-z,]+)\}", help_of())
    commands = listed[1].split(",") if listed is not None else []
    if not commands:  # the program is a single command
        command = []
    elif command and command[0] not in commands:
        return f"there is no command {command[0]}{nearest(command[0], commands)}; see {prog} --help"
    unknown = re.match(r"Unrecognized options: (--[^\s,=]+)", text)
    if unknown is not None:
        text += nearest(unknown[1], re.findall(r"--[a-z][a-z0-9.-]*", help_of(*command)))
    return f"{text}; see {' '.join([prog, *command])} --help"


def nearest(name: str, names: Sequence[str]) -> str:
    """Return a suggestion of the name that is most like an unknown one; nothing if none is."""
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    return f"; perhaps {found[0]}" if found else ""


def unboxed(box: str) -> str:
    """Return the text of tyro's error box, with or without ruled lines, below its title, as one line."""
    lines = [line.strip(" │╭╮╰╯") for line in box.splitlines()][1:]
    body = itertools.dropwhile(is_rule, lines)
    return " ".join(itertools.takewhile(lambda line: not is_rule(line), body))


def is_rule(line: str) -> bool:
    """Return whether a line is empty or a horizontal rule."""
    return not line.strip("─-")


def let_help_flow(commands: Any) -> None:
    """Give tyro the fields' docstrings without the line breaks that they have in the source, at which it would break.

    Args:
        commands: a dataclass, or a union of some, each perhaps annotated with its defaults.
    """
    for kind in set(dataclasses_in(commands)):
        texts: dict[str, str] = {}
        for base in filter(is_dataclass, reversed(kind.__mro__)):
            found = docstring_parser.parse_from_object(base).params
            texts |= {parameter.arg_name: parameter.description or "" for parameter in found}
        for field in fields(kind):
            if texts.get(field.name):
                field.metadata = MappingProxyType({**field.metadata, "help": " ".join(texts[field.name].split())})


def dataclasses_in(part: Any) -> Iterator[type]:
    """Yield the dataclasses among a type, its arguments and annotations, the values in these, and all their fields."""
    if is_dataclass(part):
        yield part if isinstance(part, type) else type(part)
        for field in fields(part):
            yield from dataclasses_in(field.type)
            if not isinstance(part, type):
                yield from dataclasses_in(getattr(part, field.name))
    for argument in get_args(part):
        yield from dataclasses_in(argument)
    if not isinstance(part, type) and hasattr(part, "default"):  # of tyro's subcommand
        yield from dataclasses_in(part.default)
