import errno
import fcntl
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simcore.common.errors import UserError
from simcore.common.version import __version__, commit
from simcore.runs import RunFolder
from waiting import PATIENCE

CONFIG = {"seed": 3, "learning": {"rate": 1e-4, "channels": (16, 32)}, "initial": None}

HOLD_THE_LOCK = """
import sys, time
from simcore.runs import RunFolder
with RunFolder.open(sys.argv[1]).lock():
    print("locked", flush=True)
    time.sleep(600)
"""


def fail_to_sync(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_opens_what_was_created(tmp_path: Path) -> None:
    created = RunFolder.create(tmp_path / "deep" / "run", CONFIG)
    opened = RunFolder.open(str(tmp_path / "deep" / "run"))
    assert opened == created
    assert opened.config == {**CONFIG, "learning": {"rate": 1e-4, "channels": [16, 32]}}
    assert {path.name for path in created.path.iterdir()} == {"config.json", "origin.json", "lock"}
    assert opened.metrics == created.path / "metrics.jsonl"
    assert opened.tensorboard == created.path / "tensorboard"
    assert opened.checkpoints == created.path / "checkpoints"


def test_an_existing_run_stays_as_it_is(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", CONFIG)
    with pytest.raises(UserError, match="resume"):
        RunFolder.create(tmp_path / "run", {"seed": 4})
    assert RunFolder.open(tmp_path / "run") == folder


def test_a_folder_of_other_files_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UserError, match="not empty"):
        RunFolder.create(tmp_path, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_empty_folder_and_one_whose_creation_was_killed_will_do(tmp_path: Path) -> None:
    (tmp_path / "origin.json").write_text("{}")
    (tmp_path / "config.json.tmp").write_text('{"seed":')
    (tmp_path / "lock").touch()
    RunFolder.create(tmp_path, CONFIG)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "origin.json", "lock"}


def make_at_once(path: Path, seed: int, barrier: Any, made: Any) -> None:
    barrier.wait()
    try:
        made[seed] = RunFolder.create(path, {"seed": seed}).config["seed"] == seed
    except UserError:  # is not empty
        made[seed] = False


def test_of_processes_that_make_a_run_at_a_time_one_does(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for attempt in range(20):
        barrier, made = context.Barrier(3), context.Array("b", 3)
        path = tmp_path / str(attempt)
        processes = [context.Process(target=make_at_once, args=(path, seed, barrier, made)) for seed in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(PATIENCE)
            assert process.exitcode == 0
        assert sum(made) == 1
        assert made[RunFolder.open(path).config["seed"]]


def test_a_file_system_without_locks_does_not_keep_others_from_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder.create(tmp_path / "run", CONFIG)

    def refuse(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with run.undisturbed():
        pass
    with pytest.raises(OSError, match="the reader's own"), run.undisturbed():
        raise BlockingIOError("the reader's own")
    with pytest.raises(UserError, match="cannot lock"), run.lock():
        pass


def test_a_run_tells_with_what_it_began(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, CONFIG)
    assert folder.origin == {"version": __version__, "commit": commit()}
    (tmp_path / "origin.json").write_text("[]")
    with pytest.raises(UserError, match=r"origin\.json is damaged; restore it, or delete it"):
        _ = folder.origin
    (tmp_path / "origin.json").unlink()
    assert folder.origin == {}


@pytest.mark.parametrize("existed", [False, True])
def test_a_full_disk_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool
) -> None:
    path = tmp_path / "run"
    if existed:
        path.mkdir()
    monkeypatch.setattr(os, "fsync", fail_to_sync)
    with pytest.raises(UserError, match="No space left"):
        RunFolder.create(path, CONFIG)
    assert path.exists() == existed
    assert not existed or not list(path.iterdir())


def test_a_config_that_json_cannot_express_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        RunFolder.create(tmp_path / "run", {"model": object()})
    assert not (tmp_path / "run").exists()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(UserError, match="File exists"):
        RunFolder.create(tmp_path / "run", CONFIG)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no config.json"),
        (b"", "damaged"),
        (b'{"seed": 3', "damaged"),
        (b"\x80\xff\x00", "damaged"),
        (b"[1, 2]", "no JSON object"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    ],
)
def test_a_folder_that_is_no_run(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match=message):
        RunFolder.open(tmp_path)


def test_every_torn_config_is_noticed(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, CONFIG)
    whole = (folder.path / "config.json").read_bytes()
    for length in range(len(whole.rstrip())):
        (folder.path / "config.json").write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"config\.json"):
            RunFolder.open(folder.path)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run folder"):
        RunFolder.open(tmp_path / "absent")


def test_a_config_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunFolder.create(tmp_path, CONFIG)

    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("simcore.common.reading.read_regular", refuse)  # a mode of 000 would not keep root out
    with pytest.raises(UserError, match="Permission denied"):
        RunFolder.open(tmp_path)


def test_the_lock_is_free_again_after_the_block(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, CONFIG)
    with folder.lock(), pytest.raises(UserError, match="another process"), folder.lock():
        pass
    with folder.lock():
        pass


def test_the_lock_is_free_again_although_a_child_has_inherited_it(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, CONFIG)
    with folder.lock():
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
        locked = next(d for d in descriptors if os.path.realpath(f"/proc/self/fd/{d}") == str(tmp_path / "lock"))
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[locked])
    try:
        with folder.lock():
            pass
    finally:
        child.communicate(b"\n")


def test_a_killed_process_frees_the_lock(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, CONFIG)
    holder = subprocess.Popen([sys.executable, "-c", HOLD_THE_LOCK, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(UserError, match="another process is training in"), folder.lock():
            pass
        assert RunFolder.open(tmp_path) == folder  # to read needs no lock
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with folder.lock():
        pass


def test_config_json_is_for_people_to_read(tmp_path: Path) -> None:
    text = (RunFolder.create(tmp_path, {"kappa": 1e-3}).path / "config.json").read_text()
    assert text == '{\n  "kappa": 0.001\n}\n'
    assert json.loads(text) == {"kappa": 1e-3}
