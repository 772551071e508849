"""Files of tensors: written atomically, and checked byte for byte when they are read."""

import errno
import io
import zipfile
from pathlib import Path
from typing import IO, Any

import torch

from simcore.common.atomic import write_atomically
from simcore.common.reading import open_regular


class DamagedError(ValueError):
    """A file's content is not what was written, or was never an archive."""


def write_archive(path: Path, content: Any) -> None:
    """Write nested dicts, lists and tuples of tensors, numbers, strings, bools and None; nothing else can be read.

    Raises:
        OSError: the write failed; `path` is unchanged.
    """
    # Serialised in memory, since torch.save turns a failed write into an unspecific RuntimeError.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getbuffer())


def read_archive(path: Path, device: str | torch.device = "cpu") -> Any:
    """Read what `write_archive` wrote, with its tensors on `device`. Code that a file may hold is never run.

    Raises:
        OSError: the file is missing or unreadable.
        DamagedError: a byte that matters is not what was written, or the file was never an archive.
        RuntimeError: `device` is missing or has too little memory.
    """
    torch.empty(0, device=device)  # raises for a missing device here, where it is not taken for a damaged file
    with open_regular(path) as file:
        try:
            _verify(file)
            file.seek(0)
            return torch.load(file, map_location=device, weights_only=True)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # reading arbitrary bytes may raise anything
            if isinstance(error, OSError) and error.errno != errno.EINVAL:  # which a seek to a damaged offset raises
                raise
            raise DamagedError(f"{path} is damaged: {error}") from error


def _verify(file: IO[bytes]) -> None:
    """Compare the CRC-32 of each of a zip's members with the recorded one; `torch.load` leaves that out.

    Raises:
        ValueError: one differs, or it is no archive of ours.
        Exception: the zip's structure is damaged.
    """
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed, which an archive never is")
        if any(member.external_attr for member in members):  # one of whose bits lets PyTorch read a folder: nothing
            raise ValueError("a member has attributes, which an archive's never has")
        differing = archive.testzip()
    if differing is not None:
        raise ValueError(f"the checksum of {differing} differs")
