"""A sweep on Ray, on this machine."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from sweep_file import write_sweep

from commands import Launch
from simcore.runs import checkpoints
from simcore.sweeps import Status, SweepFolder, plan_sweep
from waiting import PATIENCE, wait_for_lines

pytest.importorskip("ray")


def begin(launch: Launch, spec: Path, out: Path) -> "subprocess.Popen[str]":
    return launch("sweep", spec, "--out", out, "--executor", "ray", stderr=subprocess.STDOUT)


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


def test_runs_are_tasks_and_one_that_is_killed_does_not_stop_the_rest(tmp_path: Path, launch: Launch) -> None:
    spec, out = write_sweep(tmp_path / "spec.toml", updates=100, every=10), tmp_path / "out"
    plan, _ = plan_sweep(spec)
    sweep = SweepFolder(out, plan)
    first = sweep.files(plan.runs[0])
    process = begin(launch, spec, out)
    wait_for_lines(first.path / "metrics.jsonl", process)
    os.kill(worker_of(first.path), signal.SIGKILL)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, output
    assert first.read_failure() == "killed by SIGKILL, perhaps for want of memory"
    assert [sweep.status(run) for run in plan.runs] == [Status.FAILED, Status.FINISHED, Status.FINISHED]


def test_ctrl_c_lets_all_write_their_checkpoints(tmp_path: Path, launch: Launch) -> None:
    spec, out = write_sweep(tmp_path / "spec.toml", updates=100_000, every=100_000), tmp_path / "out"
    plan, _ = plan_sweep(spec)
    sweep = SweepFolder(out, plan)
    first = sweep.files(plan.runs[0]).path
    process = begin(launch, spec, out)
    wait_for_lines(first / "metrics.jsonl", process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    newest = checkpoints.latest(first / "checkpoints")
    assert newest is not None
    assert 0 < checkpoints.load(newest).update < 100_000
    assert not sweep.is_in_use(plan.runs[0])
