import contextlib
import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from simcore.common.atomic import write_atomically


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figure.png"
    write_atomically(path, b"old")

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("number", "is_raised"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_flush_folders_will_do(
    number: int, is_raised: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def flush_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", flush_files)
    with pytest.raises(OSError, match="Input/output") if is_raised else contextlib.nullcontext():
        write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_processes_that_write_the_same_file_at_a_time_leave_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    contents = [bytes([letter]) * 10_000 for letter in b"abcd"]

    def write_often(content: bytes) -> None:
        for _ in range(50):
            write_atomically(path, content)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_often, contents))
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]
