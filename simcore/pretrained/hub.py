"""Exported runs on the Hugging Face Hub, by names as `hf:owner/name` and `hf:owner/name/FILE.safetensors`."""

from functools import cache
from pathlib import Path

from simcore.common.checks import require
from simcore.common.errors import UserError
from simcore.common.extras import missing_extra
from simcore.pretrained.metadata import SUFFIX

PREFIX = "hf:"
FILE = "simcore.safetensors"
"""The file of a repository, if none is named."""


@cache
def download(name: str) -> Path:
    """Return the file of a name, downloaded into the Hub's cache unless its newest version is there.

    Raises:
        UserError: `huggingface_hub` is not installed, there is no such repository or file, or no connection and nothing
            in the cache.
    """
    parts = name.removeprefix(PREFIX).split("/")
    require(
        len(parts) >= 2 and all(parts), f"{name} names no repository; write {PREFIX}owner/name, or that and /{FILE}"
    )
    require(
        parts[-1].endswith(SUFFIX) or len(parts) == 2, f"{name} names no exported run: its file must end in {SUFFIX}"
    )
    repository, file = "/".join(parts[:2]), "/".join(parts[2:]) or FILE
    try:
        from huggingface_hub import errors, hf_hub_download
    except ModuleNotFoundError as error:
        raise missing_extra(error) or error from error
    try:
        return Path(hf_hub_download(repository, file))
    except errors.LocalEntryNotFoundError as error:
        raise UserError(
            f"{name} is not in the Hub's cache, and the Hub cannot be reached; try again with a connection, and "
            "without HF_HUB_OFFLINE"
        ) from error
    except errors.EntryNotFoundError as error:
        raise UserError(f"{repository} has no file {file}; name one that it has: {PREFIX}{repository}/FILE") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"there is no repository {repository}, or you have no access; to one of yours: hf auth login"
        ) from error
    except Exception as error:  # also those of the library by which it downloads, which are of several kinds
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(f"cannot download {name}: {type(error).__name__}: {reason}") from error
