"""The metadata of an exported run's file, which is read without PyTorch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import safetensors

from simcore.common.errors import UserError
from simcore.common.parsing import parse_json
from simcore.common.reading import open_regular
from simcore.pretrained.card import Card

SUFFIX = ".safetensors"
"""Suffix of an exported run's file name."""
FORMAT = "simcore-export"
VERSION = 1


class Metadata(NamedTuple):
    """What a file contains besides its weights."""

    config: dict[str, Any]
    """The contents of the run's `config.json`, of JSON's types only."""
    update: int
    """How many updates the weights have had."""
    digest: str
    """SHA-256 of names and weights, in hexadecimal."""
    card: Card | None
    """None in files of early versions."""


@contextmanager
def opened(file: Path, framework: Literal["numpy", "pt"]) -> Iterator[Any]:
    """Open a safetensors file for a `with` block; a framework is imported when a tensor is read.

    Raises:
        UserError: the file is missing, unreadable or damaged.
    """
    try:
        open_regular(file).close()  # safetensors itself would wait for a pipe
        with safetensors.safe_open(file, framework=framework) as content:
            yield content
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"there is no file {file}; name a file that simcore export has made") from error
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from error
    except Exception as error:  # reading arbitrary bytes may raise anything
        raise unusable(file) from error


def read_metadata(file: Path) -> Metadata:
    """Read only the metadata; whether they and the weights are undamaged is checked when a run is opened.

    Raises:
        UserError: the file is missing, unreadable, damaged, not an exported run, or of a newer version.
    """
    with opened(file, "numpy") as content:
        return parse_metadata(file, content.metadata() or {})


def parse_metadata(file: Path, told: Mapping[str, str]) -> Metadata:
    """Parse the metadata of a file.

    Raises:
        UserError: they are not of an exported run, or of a newer version.
    """
    if told.get("format") != FORMAT:
        raise unusable(file)
    try:
        version = int(told["version"])
        if version > VERSION:
            raise UserError(f"{file} is of a newer SimCore (format {version}, not {VERSION}); update SimCore")
        config, update, digest = parse_json(told["config"]), int(told["update"]), told["sha256"]
        card = Card.from_json(told["card"]) if "card" in told else None
    except (KeyError, ValueError) as error:
        raise unusable(file) from error
    if version < 1 or update < 0 or not isinstance(config, dict):
        raise unusable(file)
    return Metadata(config, update, digest, card)


def mebibytes(count: int) -> str:
    """Format a number of bytes in MiB, with the unit."""
    return f"{count / 2**20:.1f} MiB"


def unusable(file: Path) -> UserError:
    """Return the error for a file that is damaged, or something else."""
    return UserError(f"{file} is damaged or not an exported run of SimCore; export the run again: simcore export RUN")
