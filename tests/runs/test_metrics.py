import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from event_files import scalars
from simcore.common.errors import UserError
from simcore.runs import MetricsWriter, RunFolder, Step, read_metrics

FILL_THE_DISK = """
import resource, signal, sys
from simcore.common.errors import UserError
from simcore.runs import MetricsWriter, RunFolder, Step
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write past the limit then fails as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
written = 0
try:
    with MetricsWriter(RunFolder.open(sys.argv[1])) as writer:
        for update in range(1, 1000):
            writer.scalars(Step(update, 16 * update), {"loss": 0.1 * update})
            written = update
except UserError as error:
    print(written, error)
"""


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", {})


def write(folder: RunFolder, resume_at: int, last: int) -> None:
    with MetricsWriter(folder, at(resume_at)) as writer:
        for update in range(resume_at + 1, last + 1):
            writer.scalars(at(update), {"loss": 1 / update, "worlds/blocks": 2.0 * update})


def at(update: int) -> Step:
    """Return the step of an update of 16 frames."""
    return Step(update, 16 * update)


def test_one_line_an_update(folder: RunFolder) -> None:
    write(folder, 0, 2)
    assert folder.metrics.read_text() == (
        '{"update": 1, "frames": 16, "loss": 1.0, "worlds/blocks": 2.0}\n'
        '{"update": 2, "frames": 32, "loss": 0.5, "worlds/blocks": 4.0}\n'
    )
    assert read_metrics(folder.metrics)[1] == {"update": 2, "frames": 32, "frame_model/loss": 0.5, "worlds/blocks": 4.0}
    assert scalars(folder.tensorboard, "worlds/blocks") == [(16, 2.0), (32, 4.0)]


def test_a_line_is_on_disk_as_soon_as_it_is_written(folder: RunFolder) -> None:
    with MetricsWriter(folder) as writer:
        for update in (1, 2):
            writer.scalars(at(update), {"loss": 0.5})
            assert [line["update"] for line in read_metrics(folder.metrics)] == [*range(1, update + 1)]
            assert scalars(folder.tensorboard, "loss")[-1] == (16 * update, 0.5)


def test_what_is_not_finite_is_null_on_disk(folder: RunFolder) -> None:
    with MetricsWriter(folder) as writer:
        writer.scalars(at(1), {"nan": math.nan, "up": math.inf, "down": -math.inf, "fine": 1e300})

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    line = json.loads(folder.metrics.read_text(), parse_constant=refuse)
    assert line == {"update": 1, "frames": 16, "nan": None, "up": None, "down": None, "fine": 1e300}
    (read,) = read_metrics(folder.metrics)
    assert math.isnan(read["nan"])
    assert read["fine"] == 1e300


@pytest.mark.parametrize("killed_at", [3, 4, 7])
@pytest.mark.parametrize("torn", [b"", b'{"update": 8, "fra', b'{"update": 8}', b"\x00\x00"])
def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, folder: RunFolder, killed_at: int, torn: bytes
) -> None:
    write(folder, 0, killed_at)
    with folder.metrics.open("ab") as file:
        file.write(torn)
    write(folder, 3, 9)
    whole = RunFolder.create(tmp_path / "whole", {})
    write(whole, 0, 9)
    assert folder.metrics.read_bytes() == whole.metrics.read_bytes()


def test_a_run_killed_before_its_first_checkpoint_begins_anew(folder: RunFolder) -> None:
    write(folder, 0, 5)
    write(folder, 0, 2)
    assert [line["update"] for line in read_metrics(folder.metrics)] == [1, 2]


def updates(path: Path) -> list[int]:
    return [int(line["update"]) for line in read_metrics(path)]


def test_a_run_that_is_stopped_before_its_first_line_is_as_it_was(folder: RunFolder) -> None:
    write(folder, 0, 12)
    with folder.metrics.open("a") as file:
        file.write('{"update": 13, "fra')
    before = {file: file.read_bytes() for file in folder.path.rglob("*") if file.is_file()}
    MetricsWriter(folder).close()
    assert {file: file.read_bytes() for file in folder.path.rglob("*") if file.is_file()} == before


def test_later_lines_are_kept_aside_until_the_run_has_passed_them(folder: RunFolder) -> None:
    write(folder, 0, 12)
    old = folder.metrics.read_bytes().splitlines(keepends=True)
    with MetricsWriter(folder, at(3)) as writer:
        writer.scalars(at(4), {"loss": -4.0})
        assert folder.metrics_ahead.read_bytes() == b"".join(old[3:])
    assert folder.metrics.read_bytes() == b"".join(old[:3]) + b'{"update": 4, "frames": 64, "loss": -4.0}\n'
    # Once more, from an earlier checkpoint: the newer line of an update takes the place of the older one.
    with MetricsWriter(folder, at(2)) as writer:
        writer.scalars(at(3), {"loss": -3.0})
        assert updates(folder.metrics) == [1, 2, 3]
        assert updates(folder.metrics_ahead) == [*range(3, 13)]
        assert read_metrics(folder.metrics_ahead)[1]["frame_model/loss"] == -4.0
        for update in range(4, 12):
            writer.scalars(at(update), {"loss": 0.0})
        assert folder.metrics_ahead.exists()
        writer.scalars(at(12), {"loss": 0.0})
        assert not folder.metrics_ahead.exists()
    assert updates(folder.metrics) == [*range(1, 13)]


def test_a_run_that_passed_what_was_aside_without_a_line_of_it_forgets_it(folder: RunFolder) -> None:
    write(folder, 0, 5)
    write(folder, 2, 3)
    assert updates(folder.metrics_ahead) == [3, 4, 5]
    write(folder, 5, 6)  # whose checkpoint is of update 5
    assert not folder.metrics_ahead.exists()


def test_tensorboard_forgets_the_updates_that_are_done_again(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, 0, 7)
    # TensorBoard reads the files in the order of the seconds in their names.
    monkeypatch.setattr("tensorboard.summary.writer.event_file_writer.time.time", lambda: 4e9)
    with MetricsWriter(folder, at(3)) as writer:
        writer.scalars(at(4), {"loss": -4.0})
        writer.scalars(at(5), {"loss": -5.0})
    assert [step for step, _ in scalars(folder.tensorboard, "loss")] == [16, 32, 48, 64, 80]
    assert scalars(folder.tensorboard, "loss")[3:] == [(64, -4.0), (80, -5.0)]


@pytest.mark.parametrize("end", range(1, 64, 3))
def test_a_reader_leaves_out_a_torn_last_line(folder: RunFolder, end: int) -> None:
    write(folder, 0, 2)
    whole = folder.metrics.read_bytes()
    folder.metrics.write_bytes(whole[:-end])
    assert [line["update"] for line in read_metrics(folder.metrics)] == [1]


DAMAGED = [
    *(b"\n", b"{\n", b"[]\n", b'{"loss": 1}\n', b'{"update": "2"}\n', b"\xff\n", b"null\n"),
    *(b'{"update": 2.0}\n', b'{"update": -2}\n', b'{"update": true}\n', b'{"update": null}\n', b'{"update": 1}\n'),
    *(
        b'{"update": 2, "loss": ' + value + b"}\n"
        for value in (b'"1"', b"[1]", b"{}", b"true", b"1" * 400, b"1" * 5000)
    ),
    b'{"update": 2, "loss": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    b'{"update": 2, "loss": 1' + b" " * 2**20 + b"}\n",
]


@pytest.mark.parametrize("damage", DAMAGED, ids=lambda damage: damage[:24].decode(errors="replace"))
def test_a_damaged_line_is_named_and_nothing_is_cut(folder: RunFolder, damage: bytes) -> None:
    first, last = b'{"update": 1}\n', b'{"update": 3}\n'
    folder.metrics.write_bytes(first + damage + last)
    with pytest.raises(UserError, match=r"line 2 of .*metrics\.jsonl"):
        read_metrics(folder.metrics)
    with pytest.raises(UserError, match="line 2"):
        MetricsWriter(folder, at(1))
    assert folder.metrics.read_bytes() == first + damage + last


def test_no_file(folder: RunFolder) -> None:
    with pytest.raises(UserError, match=r"no file .*metrics\.jsonl"):
        read_metrics(folder.metrics)
    folder.metrics.mkdir()
    with pytest.raises(UserError, match="Is a directory"):
        read_metrics(folder.metrics)
    with pytest.raises(UserError, match="Is a directory"):
        MetricsWriter(folder)


def test_a_run_without_lines_yet(folder: RunFolder) -> None:
    write(folder, 0, 0)
    assert read_metrics(folder.metrics) == []


def test_a_full_disk_ends_in_one_line_and_the_run_can_be_resumed(folder: RunFolder) -> None:
    said = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(folder.path)], capture_output=True, text=True, check=True
    )
    written, _, message = said.stdout.partition(" ")
    assert message == f"cannot write metrics in {folder.path}: File too large; make room and resume\n"
    assert int(written) > 5
    done = read_metrics(folder.metrics)
    assert [line["update"] for line in done][: int(written)] == [*range(1, int(written) + 1)]
    with MetricsWriter(folder, at(int(written))) as writer:
        writer.scalars(at(int(written) + 1), {"loss": 0.0})
    assert len(read_metrics(folder.metrics)) == int(written) + 1
