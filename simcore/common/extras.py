"""SimCore's optional libraries, and the error for one that is missing."""

from simcore.common.errors import UserError

EXTRAS = {
    "tyro": "cli",
    "rich": "cli",
    "tensorboard": "cli",
    "matplotlib": "figures",
    "scipy": "figures",
    "PIL": "figures",
    "ray": "ray",
    "starlette": "live",
    "uvicorn": "live",
    "websockets": "live",
    "imageio": "video",
    "av": "video",
    "wandb": "wandb",
    "huggingface_hub": "hub",
}
"""The extra that installs a library, by the library's module."""


def missing_extra(error: ModuleNotFoundError) -> UserError | None:
    """Return the error for a missing library, or None where no extra installs it."""
    library = (error.name or "").partition(".")[0]
    if library not in EXTRAS:
        return None
    return UserError(f"this needs {library}, which is not installed: pip install 'simcore[{EXTRAS[library]}]'")
