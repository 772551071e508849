"""A run's record at Weights & Biases, kept offline, read back from the library's own file."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from simcore.common.errors import UserError
from simcore.runs import MetricsWriter, RunFolder, Step, read_metrics
from simcore.runs.record import RecordConfig
from simcore.training.loop import check
from tinier import tinier

TRAIN = """
import sys
sys.path.insert(0, sys.argv[1])
import simcore
from tinier import tinier
for updates in (4, 6):
    config = tinier(learning__updates=updates, record__wandb="team/beliefs", record__pictures_every=1)
    simcore.train(config, sys.argv[2])
"""
WRITE = """
import sys
from simcore.runs import MetricsWriter, RunFolder
from simcore.runs.record import RecordConfig
MetricsWriter(RunFolder.create(sys.argv[2], {}), record=RecordConfig(wandb="beliefs"))
"""
BLOCK = 2**15
"""Bytes of a block of the library's files, whose records are cut where one ends (LevelDB's log format)."""


def python(code: str, run: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, which has no login."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(Path(__file__).parents[1]), str(run)],
        env=kept | {"HOME": str(run.parent), "OMP_NUM_THREADS": "1"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def records(file: Path) -> Iterator[Any]:
    """Yield the records in one of the library's files."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, record = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        length, part = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        record += data[at + 7 : at + 7 + length]
        at += 7 + length
        if part in (1, 4):  # whole, or the last part
            yield Record.FromString(record)
            record = b""


def history(file: Path) -> list[dict[str, Any]]:
    """Return what was sent at each step, by name."""
    rows = [record.history.item for record in records(file) if record.HasField("history")]
    return [{"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in row} for row in rows]


def test_metrics_and_pictures_of_a_run_that_is_resumed(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    run = tmp_path / "run"
    done = python(TRAIN, run, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    first, second = sorted(run.glob("wandb/offline-run-*"))
    assert first.name.rpartition("-")[2] == second.name.rpartition("-")[2], "one record"
    rows = history(*first.glob("*.wandb")) + history(*second.glob("*.wandb"))
    lines = read_metrics(RunFolder.open(run).metrics)
    assert [row["_step"] for row in rows] == [line["frames"] for line in lines] == [42, 84, 126]
    for row, line in zip(rows, lines, strict=True):
        assert row["update"] == line["update"]
        assert row["frame_model/loss"] == line["frame_model/loss"]
        assert row["held_out/episode/_type"] == "image-file"
    assert len(list(first.rglob("*.png"))) == 2
    (begun,) = [record.run for record in records(*first.glob("*.wandb")) if record.HasField("run")]
    assert (begun.entity, begun.project, begun.display_name) == ("team", "beliefs", "run")
    assert {item.key: json.loads(item.value_json) for item in begun.config.update}["agent.hidden_size"] == 16


def test_a_missing_login_is_told_before_the_first_update(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    done = python(WRITE, tmp_path / "run")
    assert done.returncode == 1
    *_, told = done.stderr.splitlines()
    assert told.startswith("simcore.common.errors.UserError: Weights & Biases: ")
    assert told.endswith(f"with WANDB_MODE=offline the record stays in {tmp_path / 'run'}")


class FakeWandb:
    """The library, with a record that has steps up to 40 and fails at the first one after 80."""

    errors = SimpleNamespace(Error=RuntimeError)
    Settings = dict
    step = 41

    def __init__(self) -> None:
        self.sent: list[int] = []

    def init(self, **_: object) -> "FakeWandb":
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        if step > 80:
            raise ConnectionError("gone")
        self.sent.append(step)

    def finish(self, exit_code: int) -> None:
        raise AssertionError("it does not work any more")


def test_what_the_record_has_is_not_sent_again_and_a_failure_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    library = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", library)
    folder = RunFolder.create(tmp_path / "run", {})
    with MetricsWriter(folder, record=RecordConfig(wandb="beliefs")) as writer:
        for update in range(1, 9):
            writer.scalars(Step(update, 20 * update), {"loss": 1.0})
    assert library.sent == [60, 80]
    (record,) = caplog.records
    assert record.message.startswith("Weights & Biases gets no more of this run: ConnectionError: gone")
    assert [line["update"] for line in read_metrics(folder.metrics)] == [*range(1, 9)]


def test_a_missing_library_is_told_before_a_folder_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r"Weights & Biases is not installed: pip install 'simcore\[wandb\]'"):
        check(tinier(record__wandb="beliefs"))


@pytest.mark.parametrize("project", ["", "a/b/c", "/b", "a/", "a b", "a:b"])
def test_a_project_has_a_name_that_can_be_one(project: str) -> None:
    with pytest.raises(UserError, match=r"record\.wandb"):
        RecordConfig(wandb=project)
