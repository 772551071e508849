import os
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
