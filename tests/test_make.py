"""`make train` and the experiments stop where a training was interrupted, as it did, and go on when run again."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMMAND = """#!/bin/sh
echo "$@" >> calls
test "$1" != {interrupted} || exit {code}
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a Makefile and a command in place of the real one."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "ready").touch()
    return tmp_path


def run(
    folder: Path, interrupted: str, code: int, *command: str
) -> "tuple[subprocess.CompletedProcess[str], list[str]]":
    """Run a command while a subcommand of `simcore` ends with an exit code; return also the subcommands called."""
    stub = folder / ".venv" / "bin" / "simcore"
    stub.write_text(COMMAND.format(interrupted=interrupted, code=code))
    stub.chmod(0o755)
    (folder / "calls").unlink(missing_ok=True)
    environment = {"PATH": f"{stub.parent}:/usr/bin:/bin"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    return ended, [line.split()[0] for line in (folder / "calls").read_text().splitlines()]


def test_make_train_stops_where_training_was_interrupted_and_goes_on_later(folder: Path) -> None:
    ended, calls = run(folder, "train", 130, "make", "train")
    assert ended.returncode == -signal.SIGINT  # which shells tell as 130
    assert calls == ["train"], "what is not finished is not shown as a result"
    assert "Not finished; make train goes on" in ended.stderr
    ended, calls = run(folder, "nothing", 0, "make", "train")
    assert ended.returncode == 0
    assert calls == ["train", "probe", "rollout"]


def test_make_train_stops_where_something_failed(folder: Path) -> None:
    ended, calls = run(folder, "train", 2, "make", "train")
    assert ended.returncode == 2
    assert calls == ["train"]
    assert "goes on" not in ended.stderr


@pytest.mark.parametrize(("interrupted", "calls"), [("sweep", ["sweep"]), ("train", [*["sweep"] * 7, "train"])])
def test_the_experiments_stop_where_one_was_interrupted(interrupted: str, calls: list[str], folder: Path) -> None:
    ended, called = run(folder, interrupted, 130, str(ROOT / "experiments" / "run.sh"), "tiny", "out")
    assert ended.returncode == 130
    assert called == calls


def test_the_experiments_go_on_past_a_run_that_failed(folder: Path) -> None:
    ended, called = run(folder, "sweep", 1, str(ROOT / "experiments" / "run.sh"), "tiny", "out")
    assert ended.returncode == 0
    assert called[-1] == "figure"
