"""Names of a package that are imported when they are first asked for."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__`, by which importing it imports nothing else yet (PEP 562).

    Args:
        package: its `__name__`.
        modules: by public name, the module that defines it; or `module:name`, where it has another name there.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, other = modules[name].partition(":")
        return getattr(importlib.import_module(module), other or name)

    return get, lambda: sorted(modules)
