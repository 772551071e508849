"""A sweep on Ray, on this machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sweep_file import write_sweep

from simcore.runs import checkpoints
from simcore.sweeps import Status, SweepFolder, plan_sweep

pytest.importorskip("ray")
PATIENCE = 120
"""Seconds that something that has to come is waited for."""


@contextmanager
def started(spec: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "simcore.cli", "sweep", str(spec), "--out", str(out), "--executor", "ray"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until_written(file: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not file.exists() or not file.read_bytes():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)


def worker_of(run: Path) -> int:
    """Return the process that trains in a run's folder."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"simcore.sweeps" in words and os.fsencode(run.resolve()) in words:
            return int(entry.name)
    raise AssertionError(f"nobody is at {run}")


def test_runs_are_tasks_and_one_that_is_killed_does_not_stop_the_rest(tmp_path: Path) -> None:
    spec, out = write_sweep(tmp_path / "spec.toml", updates=200, every=10), tmp_path / "out"
    plan, _ = plan_sweep(spec)
    sweep = SweepFolder(out, plan)
    first = sweep.files(plan.runs[0])
    with started(spec, out) as process:
        wait_until_written(first.path / "metrics.jsonl", process)
        os.kill(worker_of(first.path), signal.SIGKILL)
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, output
    assert first.read_failure() == "killed by SIGKILL, perhaps for want of memory"
    assert [sweep.status(run) for run in plan.runs] == [Status.FAILED, Status.FINISHED, Status.FINISHED]


def test_ctrl_c_lets_all_write_their_checkpoints(tmp_path: Path) -> None:
    spec, out = write_sweep(tmp_path / "spec.toml", updates=100_000, every=100_000), tmp_path / "out"
    plan, _ = plan_sweep(spec)
    sweep = SweepFolder(out, plan)
    first = sweep.files(plan.runs[0]).path
    with started(spec, out) as process:
        wait_until_written(first / "metrics.jsonl", process)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    newest = checkpoints.latest(first / "checkpoints")
    assert newest is not None
    assert 0 < checkpoints.load(newest).update < 100_000
    assert not sweep.is_in_use(plan.runs[0])
