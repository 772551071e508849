"""The extras of SimCore: libraries that not everybody needs, and what to type for one that is missing."""

from simcore.common.errors import UserError

EXTRAS = {
    "tyro": "cli",
    "rich": "cli",
    "tensorboard": "cli",
    "matplotlib": "figures",
    "scipy": "figures",
    "PIL": "figures",
    "ray": "ray",
}
"""By a library's module, the extra that installs it."""


def missing_extra(error: ModuleNotFoundError) -> UserError | None:
    """Return what a person is told of a library that is missing, or None where no extra would install it."""
    library = (error.name or "").partition(".")[0]
    if library not in EXTRAS:
        return None
    return UserError(f"this needs {library}, which is not installed: pip install 'simcore[{EXTRAS[library]}]'")
