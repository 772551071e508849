"""The version of SimCore that is installed."""

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("simcore")
    except PackageNotFoundError:  # the sources are on Python's path, and not installed
        return "unknown"


__version__ = _installed()
