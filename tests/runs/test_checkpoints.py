import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from simcore.common.errors import UserError
from simcore.runs import checkpoints

FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
import torch
from simcore.common.errors import UserError
from simcore.runs import checkpoints
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write past the limit then fails as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
checkpoints.save(Path(sys.argv[1]), 1, {"weights": torch.zeros(10)})
try:
    checkpoints.save(Path(sys.argv[1]), 2, {"weights": torch.zeros(100_000)})
except UserError as error:
    print(error)
"""


def state() -> dict[str, Any]:
    return {
        "weights": torch.arange(6.0).view(2, 3),
        "frames": torch.tensor([0, 255], dtype=torch.uint8),
        "nested": [{"worlds": [1, 2.5, "city", True, None]}, (torch.tensor(3), ())],
        "random": 2**128 - 159,
        "negative": -(2**127),
        "by number": {0: {"step": 7}},
    }


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def run(script: str, *arguments: str) -> str:
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True).stdout


def test_loads_what_was_saved(tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path / "run" / "checkpoints", 1200, state())
    assert path == tmp_path / "run" / "checkpoints" / "update_00001200.pt"
    loaded = checkpoints.load(path)
    assert loaded.update == 1200
    torch.testing.assert_close(loaded.state.pop("weights"), state()["weights"], rtol=0, atol=0)
    torch.testing.assert_close(loaded.state.pop("frames"), state()["frames"], rtol=0, atol=0)
    expected = {name: value for name, value in state().items() if name not in ("weights", "frames")}
    assert loaded.state == expected
    assert type(loaded.state["nested"][0]["worlds"][3]) is bool


def test_adam_and_generators_survive(tmp_path: Path) -> None:
    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(3)).sum().backward()
    optimizer.step()
    generator = torch.Generator().manual_seed(5)
    path = checkpoints.save(
        tmp_path,
        1,
        {"net": net.state_dict(), "adam": optimizer.state_dict(), "random": generator.get_state()},
    )
    drawn = torch.rand(4, generator=generator)

    loaded = checkpoints.load(path).state
    other = torch.optim.Adam(torch.nn.Linear(3, 2).parameters())
    other.load_state_dict(loaded["adam"])
    torch.testing.assert_close(other.state_dict()["state"][0], optimizer.state_dict()["state"][0])
    generator.set_state(loaded["random"])
    assert torch.equal(torch.rand(4, generator=generator), drawn)


def test_keeps_the_newest(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "update_best.pt").touch()
    # The last number has more digits than the names are padded to: order is by number, not by name.
    for update in (1, 20, 300, 99_999_999, 100_000_000):
        checkpoints.save(tmp_path, update, {}, keep=2)
    assert names(tmp_path) == ["notes.txt", "update_100000000.pt", "update_99999999.pt", "update_best.pt"]
    assert checkpoints.latest(tmp_path) == tmp_path / "update_100000000.pt"


def test_saving_an_update_again_replaces_it(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, 1, {"a": 1})
    path = checkpoints.save(tmp_path, 1, {"a": 2})
    assert checkpoints.load(path).state == {"a": 2}
    assert names(tmp_path) == ["update_00000001.pt"]


def test_keep_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        checkpoints.save(tmp_path, 1, {}, keep=0)


def test_no_checkpoints(tmp_path: Path) -> None:
    assert checkpoints.latest(tmp_path) is None
    assert checkpoints.latest(tmp_path / "absent") is None


@pytest.mark.parametrize(("module", "stage"), [(os, "fsync"), (Path, "replace")])
def test_a_failed_write_leaves_the_old_checkpoints_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, stage: str
) -> None:
    for update in (1, 2):
        checkpoints.save(tmp_path, update, {"update": update}, keep=2)

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, stage, fail)
    with pytest.raises(UserError) as caught:
        checkpoints.save(tmp_path, 3, {"update": 3}, keep=2)
    assert "No space left on device" in str(caught.value)
    assert str(tmp_path / "update_00000003.pt") in str(caught.value)
    assert f"the last good checkpoint is {tmp_path / 'update_00000002.pt'}" in str(caught.value)
    assert names(tmp_path) == ["update_00000001.pt", "update_00000002.pt"]
    assert checkpoints.load(tmp_path / "update_00000002.pt").state == {"update": 2}


def test_an_error_that_room_does_not_mend_is_not_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(UserError, match="error; there is no earlier checkpoint; put that right and resume"):
        checkpoints.save(tmp_path, 1, {})


def test_a_checkpoint_that_somebody_else_deletes_meanwhile_is_nobodys_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [checkpoints.save(tmp_path, update, {}, keep=2) for update in (1, 2)]
    write = checkpoints.write_archive

    def write_late(*arguments: Any) -> None:
        write(*arguments)
        paths[1].unlink()

    monkeypatch.setattr(checkpoints, "write_archive", write_late)
    monkeypatch.setattr(checkpoints, "_ascending", lambda directory: [*paths, directory / "update_00000003.pt"])
    checkpoints.save(tmp_path, 3, {}, keep=1)
    assert names(tmp_path) == ["update_00000003.pt"]


def test_a_write_that_the_kernel_refuses(tmp_path: Path) -> None:
    said = run(FILL_THE_DISK, str(tmp_path))
    assert said.startswith(f"cannot save {tmp_path / 'update_00000002.pt'}: {os.strerror(errno.EFBIG)}")
    assert str(tmp_path / "update_00000001.pt") in said
    assert names(tmp_path) == ["update_00000001.pt"]
    assert checkpoints.load(tmp_path / "update_00000001.pt").update == 1


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "update_00000007.pt.tmp").write_bytes(b"PK\x03\x04 half a")
    assert checkpoints.latest(tmp_path) is None
    checkpoints.save(tmp_path, 8, {})
    assert names(tmp_path) == ["update_00000008.pt"]


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, 1, {})
    path = checkpoints.save(tmp_path, 2, {"weights": torch.arange(100.0)})
    whole = path.read_bytes()
    lengths = [*range(0, len(whole), 37), *range(len(whole) - 30, len(whole))]
    for length in lengths:
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"delete it: update_00000001\.pt is then used") as caught:
            checkpoints.load(path)
        assert str(path) in str(caught.value)
    path.write_bytes(whole)
    assert checkpoints.load(path).update == 2


def test_without_an_older_checkpoint_the_run_begins_anew(tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path, 1, {})
    checkpoints.save(tmp_path, 2, {})
    path.write_bytes(b"")
    with pytest.raises(UserError, match="from the beginning"):
        checkpoints.load(path)


@pytest.mark.parametrize(
    "payload",
    [
        {"weights": torch.zeros(2)},
        [1, 2],
        {"format": "someone else's", "version": 1, "update": 1, "state": {}},
        {"format": "simcore-checkpoint", "update": 1, "state": {}},
        {"format": "simcore-checkpoint", "version": 1, "state": {}},
        {"format": "simcore-checkpoint", "version": 1, "update": 1, "state": [1]},
    ],
)
def test_foreign_files(tmp_path: Path, payload: object) -> None:
    path = tmp_path / "other.pt"
    torch.save(payload, path)
    with pytest.raises(UserError, match=r"other\.pt is damaged or not a checkpoint of SimCore; name another"):
        checkpoints.load(path)


@pytest.mark.parametrize("content", [b"hello\n", b"\x00" * 1000, bytes(range(256)) * 8, b"PK\x03\x04"])
def test_arbitrary_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "update_00000001.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a checkpoint"):
        checkpoints.load(path)


def test_a_newer_version_is_not_to_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "update_00000001.pt"
    torch.save({"format": "simcore-checkpoint", "version": 2, "parts": []}, path)
    with pytest.raises(UserError, match="newer SimCore") as caught:
        checkpoints.load(path)
    assert "delete" not in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        checkpoints.load(tmp_path / "absent.pt")
    with pytest.raises(UserError, match="Is a directory"):
        checkpoints.load(tmp_path)


class MakesAFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("by_torch", [True, False])
def test_code_in_a_file_is_not_run(tmp_path: Path, by_torch: bool) -> None:
    canary, path = tmp_path / "canary", tmp_path / "update_00000001.pt"
    payload = {"format": "simcore-checkpoint", "version": 1, "update": 1, "state": {"a": MakesAFile(canary)}}
    if by_torch:
        torch.save(payload, path)
    else:
        path.write_bytes(pickle.dumps(payload, protocol=2))
    with pytest.raises(UserError, match="not a checkpoint"):
        checkpoints.load(path)
    assert not canary.exists()

    if by_torch:  # and the file would have done it
        torch.load(path, weights_only=False)
    else:
        pickle.loads(path.read_bytes())
    assert canary.exists()


def test_a_missing_device_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path, 1, {"a": torch.zeros(2)})
    assert checkpoints.load(path, "meta").state["a"].device.type == "meta"
    with pytest.raises(RuntimeError, match="nonsense"):
        checkpoints.load(path, "nonsense")
