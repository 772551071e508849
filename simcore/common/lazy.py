"""Lazy imports: the public names of a package, and its subpackages, are imported on first use."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__`, which import a public name on first use (PEP 562).

    Args:
        package: the package's `__name__`.
        modules: the module that defines each public name; or `module:name`, if the name there is another.
    """

    def get(name: str) -> Any:
        if name not in modules:
            if not name.startswith("_") and importlib.util.find_spec(f"{package}.{name}") is not None:
                return importlib.import_module(f"{package}.{name}")
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, other = modules[name].partition(":")
        return getattr(importlib.import_module(module), other or name)

    return get, lambda: sorted(modules)
