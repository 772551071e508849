"""Runs that are interrupted, whose worlds die or hang, or whose output nobody reads: none loses its work."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import Launch
from simcore.cli import main
from simcore.common.errors import UserError
from simcore.runs import Progress, RunFolder, checkpoints
from simcore.training.loop import train
from stubborn import let_go, stubborn
from tinier import tinier
from trained import trained_run
from waiting import PATIENCE, wait_for_lines

HUNG = r"environment 0 of actor 0 has not answered for \d+ s, since \d\d:"


@pytest.fixture(autouse=True)
def hanging_ends() -> Iterator[None]:
    """Let a world that hangs on a thread of this process go, since the watchdog would name it in other tests too."""
    let_go.clear()
    yield
    let_go.set()


def wait_for_line(process: "subprocess.Popen[str]", pattern: str) -> None:
    """Wait for a line on standard error; a world that hangs is named again now and then."""
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    seen: list[str] = []
    while not seen or not re.match(pattern, seen[-1]):
        seen.append(next(lines, ""))
        assert seen[-1], seen


def saved_updates(folder: RunFolder) -> int:
    newest = checkpoints.latest(folder.checkpoints)
    return 0 if newest is None else checkpoints.load(newest).update


def test_signals_to_a_whole_process_group_stop_a_run_with_worlds_in_processes(tmp_path: Path, launch: Launch) -> None:
    """As from a terminal, and a wrapper that passes its own on: two signals are still only a request."""
    folder = RunFolder.create(tmp_path / "run", stubborn(processes=2).to_dict())
    process = launch("train", "--resume", folder.path)
    wait_for_lines(folder.metrics, process, 2)
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGTERM):
        os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert errors == "Stopping after this update, with a checkpoint\nStopping; once more ends at once\n"
    assert "Stopped, with a checkpoint" in output
    assert saved_updates(folder) >= 2


def test_a_third_ctrl_c_ends_a_run_at_once_and_names_the_last_checkpoint(tmp_path: Path, launch: Launch) -> None:
    """Its world hangs in compiled code, where nothing else would end it."""
    config = stubborn(after=34, then="compiled", acting__patience=1.0, record__checkpoint_every=2)
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    process = launch("train", "--resume", folder.path)
    wait_for_line(process, HUNG)
    for line in ("Stopping after this update", "Stopping; once more ends at once"):
        os.killpg(process.pid, signal.SIGINT)
        wait_for_line(process, line)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    last = errors.splitlines()[-1]
    assert last == f"simcore: ended at once; the last checkpoint is {checkpoints.latest(folder.checkpoints)}"
    assert "Traceback" not in errors
    assert saved_updates(folder) == 4


def test_ctrl_c_ends_a_run_whose_world_hangs_with_a_checkpoint(tmp_path: Path, launch: Launch) -> None:
    folder = RunFolder.create(tmp_path / "run", stubborn(after=34, acting__patience=1.0).to_dict())
    process = launch("train", "--resume", folder.path)
    wait_for_line(process, HUNG)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert "Stopped, with a checkpoint" in output
    assert saved_updates(folder) == 4, "of 7 steps each"


def test_a_run_whose_world_dies_ends_with_a_checkpoint_and_goes_on(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", stubborn().to_dict())
    message = r"^update 5: actor 0 failed: .* are gone: its process ended with exit code 7; the last good checkpoint is"
    with pytest.raises(UserError, match=message):
        train(stubborn(after=34, then="exit", processes=2), folder)
    assert saved_updates(folder) == 4
    assert train(stubborn(after=34, then="exit", learning__updates=6), folder), "in new worlds"
    assert saved_updates(folder) == 6


def test_a_world_that_dies_in_the_first_trajectory_after_a_checkpoint_is_not_met_again(tmp_path: Path) -> None:
    """The checkpoint that holds it is replaced by one without worlds, or each resumed run would fail the same way."""
    folder = RunFolder.create(tmp_path / "run", stubborn().to_dict())
    dies = stubborn(after=34, then="exit", processes=2, record__checkpoint_every=4)
    with pytest.raises(UserError, match=r"^update 5: actor 0 failed"):
        train(dies, folder)
    newest = checkpoints.latest(folder.checkpoints)
    assert newest is not None
    assert checkpoints.load(newest).state["executor"] == {}


def test_an_evaluation_whose_world_dies_is_told_so_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stubborn(after=34, then="exit", processes=2, learning__updates=1)
    folder = trained_run(tmp_path / "run", config)
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", str(folder.path), "--episodes", "2"])
    assert stop.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch("simcore: the environments .* are gone: its process ended with exit code 7.*", last)


@pytest.mark.parametrize(("executor", "processes"), [("serial", 2), ("threads", 0), ("processes", 0)])
def test_a_run_whose_world_hangs_ends_with_a_checkpoint(
    executor: str, processes: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = stubborn(after=34, processes=processes, executor=executor, acting__patience=0.4)
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    with pytest.raises(UserError, match=r"^update 5: actor 0 failed: environment 0 .*did not answer|has not answered"):
        train(config, folder)
    assert saved_updates(folder) == 4


class Unwritable:
    """A standard output that takes one line, then fails as its file or its pipe does."""

    encoding = "utf-8"

    def __init__(self, error: OSError) -> None:
        self.lines = 0
        self.error = error

    def write(self, text: str) -> int:
        self.lines += text.count("\n")
        if self.lines > 1:
            raise self.error
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (BrokenPipeError(32, "Broken pipe"), BrokenPipeError, "Broken pipe"),
        (OSError(28, "No space left on device"), UserError, "^cannot write to standard output: No space .*--resume"),
    ],
)
def test_a_run_whose_progress_nobody_takes_stops_with_a_checkpoint(
    error: OSError, raised: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tinier(learning__updates=100_000, record__checkpoint_every=100_000)
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    monkeypatch.setattr(sys, "stdout", Unwritable(error))
    monkeypatch.setattr("simcore.training.recorder.Progress", lambda *a, **k: Progress(*a, line_seconds=0.0, **k))
    with pytest.raises(raised, match=message):
        train(config, folder)
    assert saved_updates(folder) == 2


def test_ctrl_c_ends_an_evaluation_with_a_line(tmp_path: Path, launch: Launch) -> None:
    """Also while its worlds hang; SIGTERM is the same."""
    config = stubborn(after=70, acting__patience=1.0, learning__updates=1)
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    train(config, folder)
    process = launch("evaluate", folder.path)
    wait_for_line(process, HUNG.replace("0 of", r"\d of"))
    os.killpg(process.pid, signal.SIGTERM)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (130, "")
    assert errors.splitlines()[-1] == "simcore: interrupted"
    assert "Traceback" not in errors
