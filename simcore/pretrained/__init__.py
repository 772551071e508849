"""Trained runs in single files: those that are shipped with SimCore, those of the Hugging Face Hub, and their cards.

    >>> "random-city" in shipped()
    True

What is here needs no PyTorch; `simcore.load` loads the runs themselves.
"""

import os
from pathlib import Path
from typing import NamedTuple

from simcore.common.errors import UserError
from simcore.pretrained.card import ActingScores, BeliefScores, Card, Means
from simcore.pretrained.hub import PREFIX, download
from simcore.pretrained.metadata import SUFFIX, Metadata, read_metadata


class Export(NamedTuple):
    """An exported run's file, as it was found by its path or name."""

    file: Path
    name: str
    """The run's name."""
    results: Path
    """The folder for results of analysis; it need not exist."""
    is_foreign: bool = False
    """Whether it comes from a repository that anyone may have filled."""


def shipped() -> dict[str, Path]:
    """Return the files of the runs that are shipped with SimCore, by name."""
    files = Path(__file__).parent.glob(f"*{SUFFIX}")
    return {file.stem: file for file in sorted(files, key=lambda file: file.stem)}


def find_export(name: str | Path) -> Export | None:
    """Find an exported run by its file's path, the name of a shipped one, or `hf:owner/name`.

    A path that exists has precedence. Results of a file belong beside it, those of the others into `runs/`.

    Returns:
        The file; None: the path is that of a folder, or of a file with another suffix.

    Raises:
        UserError: there is no such run, or it cannot be downloaded.
    """
    text, path = str(name), Path(name)
    if os.path.lexists(path):
        return beside(path) if path.suffix == SUFFIX and not os.path.isdir(path) else None
    if text.startswith(PREFIX):
        file = download(text)
        title = "-".join(text.removeprefix(PREFIX).removesuffix(SUFFIX).split("/"))
        return Export(file, title, Path("runs") / f"{title}-results", is_foreign=True)
    if text in shipped():
        return Export(shipped()[text], text, Path("runs") / f"{text}-results")
    if path.suffix == SUFFIX:
        return beside(path)  # opening it tells that it is not there
    raise UserError(
        f"there is no run folder {name}; name one that a training run has made, an exported file, or a shipped run: "
        f"{', '.join(shipped())}"
    )


def is_named(name: str | Path) -> bool:
    """Return whether a name is that of a shipped run, or of one on the Hub, and no path that exists."""
    return not os.path.lexists(name) and (str(name) in shipped() or str(name).startswith(PREFIX))


def beside(path: Path) -> Export:
    """Return the exported run in a file, with its results beside it."""
    return Export(path, path.stem, path.with_name(f"{path.stem}-results"))


__all__ = [
    "SUFFIX",
    "ActingScores",
    "BeliefScores",
    "Card",
    "Export",
    "Means",
    "Metadata",
    "beside",
    "find_export",
    "is_named",
    "read_metadata",
    "shipped",
]
