"""Files of tensors: any byte that is not what was written is noticed, or means nothing."""

import os
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from simcore.common.archive import DamagedError, read_archive, write_archive


def content() -> dict[str, Any]:
    """What a checkpoint is made of."""
    return {
        "weights": torch.arange(40.0).view(4, 10),
        "moments": [{"step": torch.tensor(3.0), "exp_avg": torch.zeros(7)}, (torch.tensor([1, 255]), ())],
        "counters": {"updates": 12, 0: 2**90, "share": 0.5, "text": "city", "none": None, "flag": True},
    }


def is_same(one: Any, two: Any) -> bool:
    if isinstance(one, dict):
        return isinstance(two, dict) and one.keys() == two.keys() and all(is_same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(two) and len(one) == len(two) and all(map(is_same, one, two))
    if isinstance(one, Tensor):
        return isinstance(two, Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    return type(one) is type(two) and bool(one == two)


@pytest.mark.parametrize("bits", ["one of eight", "a folder's mark"])
def test_every_changed_byte_is_noticed_or_means_nothing(tmp_path: Path, bits: str) -> None:
    path = tmp_path / "archive.pt"
    write_archive(path, content())
    whole = path.read_bytes()
    noticed, drawn = 0, random.Random(0)
    with path.open("r+b", buffering=0) as file:
        for place, byte in enumerate(whole):
            flip = 1 << drawn.randrange(8) if bits == "one of eight" else 0x10  # PyTorch reads nothing where it is set
            os.pwrite(file.fileno(), bytes([byte ^ flip]), place)
            try:
                assert is_same(read_archive(path), content()), f"byte {place}"
            except DamagedError:
                noticed += 1
            os.pwrite(file.fileno(), bytes([byte]), place)
    assert noticed > len(whole) / 2  # most of the rest is padding
    assert is_same(read_archive(path), content())


def test_a_changed_byte_of_a_tensor_is_what_torch_would_load(tmp_path: Path) -> None:
    path = tmp_path / "archive.pt"
    write_archive(path, content())
    whole = path.read_bytes()
    place = whole.index(torch.arange(40.0).numpy().tobytes()) + 81
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
    assert not torch.equal(torch.load(path, weights_only=True)["weights"], content()["weights"])
    with pytest.raises(DamagedError, match=r"the checksum of .*data/0 differs"):
        read_archive(path)


def test_what_torch_wrote_in_earlier_versions_is_read(tmp_path: Path) -> None:
    torch.save(content(), tmp_path / "earlier.pt")
    assert is_same(read_archive(tmp_path / "earlier.pt"), content())


def test_a_compressed_archive_is_not_unpacked(tmp_path: Path) -> None:
    write_archive(tmp_path / "stored.pt", content())
    with (
        zipfile.ZipFile(tmp_path / "stored.pt") as stored,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in stored.namelist():
            bomb.writestr(name, stored.read(name))
    with pytest.raises(DamagedError, match="compressed"):
        read_archive(tmp_path / "bomb.pt")
