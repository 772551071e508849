"""The version of SimCore that is installed."""

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("simcore")
    except PackageNotFoundError:  # as where the sources are on Python's path and nothing was installed
        return "unknown"


__version__ = _installed()
