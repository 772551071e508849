"""Registries of parts by name; parts of a user's modules are found as `module:Name`."""

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from simcore.common.errors import UserError
from simcore.common.user_code import UserCodeError, failure, importing, is_ours, note_users, place_of, user_code

Part = TypeVar("Part")
Registered = TypeVar("Registered")


@dataclass(frozen=True)
class NoOptions:
    """The options of a part that has none."""


class Registry(Generic[Part]):
    """The parts of one kind.

        >>> frame_models: Registry[type] = Registry("frame model", object)
        >>> @frame_models.register("mine")
        ... class Mine: ...
        >>> frame_models.find("mine") is Mine
        True

    Args:
        kind: the name of such a part in messages, such as "frame model".
        base: the class that each part is a subclass or an instance of.
        home: the module whose import registers SimCore's own parts; None: they need no further import.
        also: the name that stands for no such part; messages list it among the choices.
    """

    def __init__(self, kind: str, base: type, home: str | None = None, also: str | None = None) -> None:
        self.kind = kind
        self._base = base
        self._home = home
        self._also = () if also is None else (also,)
        self._parts: dict[str, Part] = {}

    def register(self, name: str) -> Callable[[Registered], Registered]:
        """Return a decorator that registers a part under a name.

        Raises:
            ValueError: another part has that name, or the name contains a colon, which is kept for `module:Name`.
            TypeError: the part is of another kind.
        """
        if ":" in name:
            raise ValueError(
                f"{name!r} cannot be the name of a {self.kind}: module:Name is found without registering it"
            )

        def put(part: Registered) -> Registered:
            if not self._fits(part):
                raise TypeError(f"{name} is no {self.kind}: it must be of the class {self._base.__name__}")
            before = self._parts.get(name)
            # A module that is executed twice, as __main__ and by its name, registers its parts twice.
            if before is not None and getattr(before, "__qualname__", name) != getattr(part, "__qualname__", name):
                raise ValueError(f"there is a {self.kind} named {name!r} already")
            self._parts[name] = part  # type: ignore[assignment]
            note_users(part)
            return part

        return put

    def find(self, name: str) -> Part:
        """Return the part of a registered name, or the part `module:Name`, whose module may be in the current folder.

        Raises:
            UserError: there is no such part, its module cannot be imported, or the part is not of the class `base`.
        """
        self._import_home()
        if name in self._parts:
            return self._parts[name]
        if ":" not in name:
            choices = (
                f"there are: {', '.join((*self, *self._also))}, and one of yours"
                if self._parts
                else "give one of yours"
            )
            raise UserError(f"there is no {self.kind} {name!r}; {choices} as module:Name")
        part = find_in_module(name, self.kind)
        if not self._fits(part):
            raise UserError(f"{name} is no {self.kind}: it must be of the class {self._base.__name__}")
        return part

    def __iter__(self) -> Iterator[str]:
        self._import_home()
        return iter(self._parts)

    def __contains__(self, name: object) -> bool:
        self._import_home()
        return name in self._parts

    def _fits(self, part: object) -> bool:
        return issubclass(part, self._base) if isinstance(part, type) else isinstance(part, self._base)

    def _import_home(self) -> None:
        if self._home is not None:
            importlib.import_module(self._home)


def find_in_module(name: str, kind: str) -> Any:
    """Return what a user's module has under a name, `module:Name`.

    Args:
        name: of the module and what is in it.
        kind: what it is in messages, such as "wrapper".

    Raises:
        UserCodeError: there is no such module, its import failed, or it has no such name.
    """
    module, _, attribute = name.partition(":")
    imported = import_user_module(module, f"the {kind} {name}")
    found = getattr(imported, attribute, None)
    if found is None:
        file = getattr(imported, "__file__", None) or "Python's own"
        raise UserCodeError(f"there is no {kind} {name!r}: the module {module} has no {attribute}; it is {file}")
    return found


def import_user_module(module: str, wanted_by: str) -> Any:
    """Import a user's module from Python's path or the current folder, which is appended to the path.

    Args:
        module: its dotted name.
        wanted_by: what the module is imported for, for messages.

    Raises:
        UserCodeError: there is no such module, or its import failed.
    """
    here = os.getcwd()
    if here not in sys.path:  # at the end, so that no file there hides a library
        sys.path.append(here)
    importlib.invalidate_caches()  # a module may have been written since its folder was first read
    try:
        with importing(module):
            return importlib.import_module(module)
    except UserError:
        raise
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            looked = f"there is no module {error.name}, neither installed nor in {here}"
            raise UserCodeError(f"cannot import {wanted_by}: {looked}; start in the folder that has it") from None
        needed = f"{module} needs {error.name or error}, which is not installed ({place_of(error)})"
        raise UserCodeError(f"cannot import {wanted_by}: {needed}") from error
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise failure(f"cannot import {wanted_by}: the module {module}", error) from error


def make_part(part: Callable[..., Part], name: str, *given: Any, **offered: Any) -> Part:
    """Make a part: call its class with the given arguments and the offered keywords that its signature names.

    A part thus states what it needs by the names of its arguments, and ignores the rest.

    Args:
        part: the class, or a function that returns an instance.
        name: the part's name in messages.
        *given: the first positional arguments, which every part of the kind takes.
        **offered: the keywords that its signature may name; all of them are passed if it takes `**kwargs`.

    Raises:
        UserError: the part requires an argument that is not offered, or is a user's and fails.
    """
    parameters = inspect.signature(part).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        named = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
        wanted = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL][len(given) :]
        missing = [p.name for p in wanted if p.name not in offered]
        if missing:
            raise UserError(f"{name} wants the argument {missing[0]!r}; offered are: {', '.join(offered)}")
        offered = {key: value for key, value in offered.items() if key in named}
    with nullcontext() if is_ours(part) else user_code(f"{name}: making it"):
        return part(*given, **offered)
