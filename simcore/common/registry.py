"""Parts by name: those that SimCore has, those that a user registers, and any class of a module, as `module:Name`."""

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from simcore.common.errors import UserError

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
        kind: what they are, as messages call one.
        base: the class that each is a subclass, or else an instance, of.
        home: the module whose import registers those that SimCore has; None: whoever made the registry has imported it.
    """

    def __init__(self, kind: str, base: type, home: str | None = None) -> None:
        self.kind = kind
        self._base = base
        self._home = home
        self._parts: dict[str, Part] = {}

    def register(self, name: str) -> Callable[[Registered], Registered]:
        """Return a decorator that registers a part under a name.

        Raises:
            ValueError: another part has that name, or the name has a colon, which would make it a module's.
        """
        if ":" in name:
            raise ValueError(
                f"{name!r} cannot be the name of a {self.kind}: module:Name is found without registering it"
            )

        def put(part: Registered) -> Registered:
            before = self._parts.get(name)
            # A module that is executed twice, as __main__ and by its name, registers its parts twice.
            if before is not None and getattr(before, "__qualname__", name) != getattr(part, "__qualname__", name):
                raise ValueError(f"there is a {self.kind} named {name!r} already")
            self._parts[name] = part  # type: ignore[assignment]
            return part

        return put

    def find(self, name: str) -> Part:
        """Return the part of a name, or of a module: `module:Name`, where the current folder's modules are found too.

        Raises:
            UserError: there is none; the message says which there are.
        """
        self._import_home()
        if name in self._parts:
            return self._parts[name]
        module, colon, attribute = name.partition(":")
        if not colon:
            known = f"there are: {', '.join(self)}, and one of yours" if self._parts else "give one of yours"
            raise UserError(f"there is no {self.kind} {name!r}; {known} as module:Name")
        part = getattr(import_user_module(module, f"the {self.kind} {name}"), attribute, None)
        if part is None:
            raise UserError(f"there is no {self.kind} {name!r}: the module {module} has no {attribute}")
        fits = issubclass(part, self._base) if isinstance(part, type) else isinstance(part, self._base)
        if not fits:
            raise UserError(f"{name} is no {self.kind}: it must be of the class {self._base.__name__}")
        return part

    def __iter__(self) -> Iterator[str]:
        self._import_home()
        return iter(self._parts)

    def __contains__(self, name: object) -> bool:
        self._import_home()
        return name in self._parts

    def _import_home(self) -> None:
        if self._home is not None:
            importlib.import_module(self._home)


def import_user_module(module: str, wanted_by: str) -> Any:
    """Import a module of a user's, from wherever Python finds it or from the current folder.

    Args:
        module: its dotted name.
        wanted_by: what is to be found in it, for messages.

    Raises:
        UserError: it is not there, or its own import failed.
    """
    here = os.getcwd()
    if here not in sys.path:  # at the end, so that no file there hides a library
        sys.path.append(here)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = f"no module {error.name}" if error.name else str(error)
        raise UserError(f"cannot import {wanted_by}: there is {missing}, neither installed nor in {here}") from error
    except UserError:
        raise
    except Exception as error:  # a user's module may raise anything
        raise UserError(f"cannot import {wanted_by}: {type(error).__name__}: {error}") from error


def make_part(part: Callable[..., Part], name: str, *given: Any, **offered: Any) -> Part:
    """Call a part's class with what is given, and with those of the offered keywords that it names.

    So a part asks for what it wants by the names of its arguments, and takes no notice of the rest.

    Args:
        part: the class, or a function that returns an instance.
        name: of the part, for messages.
        *given: what every part of the kind is given first.
        **offered: what it may name.

    Raises:
        UserError: it wants an argument that is not offered.
    """
    parameters = inspect.signature(part).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return part(*given, **offered)
    named = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    wanted = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL][len(given) :]
    missing = [p.name for p in wanted if p.name not in offered]
    if missing:
        raise UserError(f"{name} wants the argument {missing[0]!r}; offered are: {', '.join(offered)}")
    return part(*given, **{key: value for key, value in offered.items() if key in named})
