"""Running a sweep: killed, stopped, failing, beside another; each run is trained once, to the end, as if alone."""

import contextlib
import errno
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sweep_file import write_sweep

from commands import Launch
from simcore.analysis.loading import load_run
from simcore.cli import main
from simcore.runs import RunFolder, checkpoints, read_metrics
from simcore.sweeps import Status, SweepFolder, plan_sweep
from simcore.sweeps.folder import RunFiles
from simcore.sweeps.processes import Ended, Processes
from simcore.sweeps.running import settle
from simcore.sweeps.scores import Scores, take_scores
from states import assert_same_state, newest_state
from trained import trained_run
from waiting import PATIENCE, wait_for_lines, wait_until

Begin = Callable[[Path, Path], "subprocess.Popen[str]"]

LONG = partial(write_sweep, updates=60, every=4)
"""Writes the file of a sweep whose runs can be met half-way."""

Alone = dict[str, tuple[Any, Scores]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """By run of such a sweep, the state at the end and the scores if it is trained by itself."""
    path, ends = tmp_path_factory.mktemp("alone"), {}
    plan, _ = plan_sweep(LONG(path / "spec.toml"))
    for run in plan.runs:
        folder = trained_run(path / run.name, run.config)
        ends[run.name] = newest_state(folder), take_scores(load_run(folder, "cpu"), plan.worlds)
    return ends


@pytest.fixture
def begin(launch: Launch) -> Begin:
    """Launch a sweep's command."""
    return lambda spec, out: launch("sweep", spec, "--out", out, stderr=subprocess.STDOUT)


def open_sweep(spec: Path, out: Path) -> SweepFolder:
    plan, _ = plan_sweep(spec)
    return SweepFolder(out, plan)


def require_whole(sweep: SweepFolder, alone: Alone) -> None:
    """Require that each run was trained once to its end, as if nothing had happened, and measured."""
    for run in sweep.plan.runs:
        state, scores = alone[run.name]
        files = sweep.files(run)
        assert_same_state(newest_state(RunFolder.open(files.path)), state)
        assert sweep.scores(run) == scores
        record = run.config.record.metrics_every
        updates = [line["update"] for line in read_metrics(files.path / "metrics.jsonl")]
        assert updates == list(range(record, run.config.learning.updates + 1, record))


def test_a_killed_sweep_goes_on_with_what_is_missing(
    tmp_path: Path, begin: Begin, alone: Alone, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed once a run is finished and the next is half-way: its process ends too, and nothing is done twice."""
    spec = LONG(tmp_path / "spec.toml")
    sweep, out = open_sweep(spec, tmp_path / "out"), tmp_path / "out"
    process = begin(spec, out)
    first, second, third = sweep.plan.runs
    begun = sweep.files(second).path / "checkpoints"
    wait_until(lambda: checkpoints.latest(begun), process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    wait_until(lambda: not sweep.is_in_use(second))
    assert [sweep.status(run) for run in sweep.plan.runs] == [Status.FINISHED, Status.UNFINISHED, Status.UNFINISHED]
    finished = {path: path.stat().st_mtime_ns for path in sweep.files(first).path.rglob("*") if path.name != "lock"}
    reached = newest_state(RunFolder.open(sweep.files(second).path))["updates"]
    assert 0 < reached < 60, "it was killed half-way"

    main(["sweep", str(spec), "--out", str(out)])
    output = capsys.readouterr().out
    assert re.findall(r"\[(\d)/3\] (\S+): finished", output) == [("2", second.name), ("3", third.name)]
    assert {path: path.stat().st_mtime_ns for path in finished} == finished, "what was finished is left as it was"
    require_whole(sweep, alone)


def test_ctrl_c_stops_politely_with_a_checkpoint(tmp_path: Path, begin: Begin) -> None:
    spec = write_sweep(tmp_path / "spec.toml", updates=100_000, every=100_000)
    out = tmp_path / "out"
    sweep = open_sweep(spec, out)
    process = begin(spec, out)
    metrics = sweep.files(sweep.plan.runs[0]).path / "metrics.jsonl"
    wait_for_lines(metrics, process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, output
    assert "the same command goes on" in output
    assert "Traceback" not in output
    assert 0 < newest_state(RunFolder.open(metrics.parent))["updates"] < 100_000
    assert all(sweep.status(run) is Status.UNFINISHED for run in sweep.plan.runs)
    assert not sweep.is_in_use(sweep.plan.runs[0])
    assert not (sweep.files(sweep.plan.runs[1]).path / "checkpoints").exists()


def test_a_warning_of_slurms_to_all_processes_fails_no_run(tmp_path: Path, begin: Begin) -> None:
    """It comes while the run's process starts, which hears no signal for itself yet."""
    spec = write_sweep(tmp_path / "spec.toml", updates=100_000, every=100_000)
    out = tmp_path / "out"
    sweep = open_sweep(spec, out)
    process = begin(spec, out)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_until(lambda: children.exists() and children.read_text().split(), process)
    for pid in (int(children.read_text().split()[0]), process.pid):
        os.kill(pid, signal.SIGUSR1)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, output
    assert "FAILED" not in output
    assert all(sweep.status(run) is Status.UNFINISHED for run in sweep.plan.runs)


def test_a_failure_that_cannot_be_recorded_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, out = write_sweep(tmp_path / "spec.toml", updates=2, every=2), tmp_path / "out"
    plan, text = plan_sweep(spec)
    sweep = SweepFolder.prepare(out, text, plan)

    def fill(self: RunFiles, error: str, code: int | None) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(RunFiles, "write_failure", fill)
    (first, *_) = plan.runs
    told = settle(sweep, first, Ended(sweep.files(first).path, 1, "it broke"))
    assert told.endswith("FAILED: it broke (cannot be recorded: No space left on device)")


class Asked(Processes):
    """Notes in what order it is asked to stop and closed; a run ends once it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    @property
    def running(self) -> int:
        return int("ended" not in self.calls)

    def stop(self) -> None:
        self.calls.append("stop")

    def ended(self) -> list[Ended]:
        self.calls.append("ended")
        return []

    def close(self) -> None:
        self.calls.append("close")


@pytest.mark.parametrize(
    ("error", "calls"), [(OSError(), ["stop", "ended", "close"]), (KeyboardInterrupt(), ["close"]), (None, ["close"])]
)
def test_after_an_error_the_other_runs_write_their_checkpoints(error: BaseException | None, calls: list[str]) -> None:
    executor = Asked()
    with contextlib.suppress(OSError, KeyboardInterrupt), executor:
        if error is not None:
            raise error
    assert executor.calls == calls


def test_two_processes_share_a_sweep(tmp_path: Path, begin: Begin, alone: Alone) -> None:
    spec = LONG(tmp_path / "spec.toml")
    out = tmp_path / "out"
    pair = [begin(spec, out) for _ in range(2)]
    outputs = [process.communicate(timeout=PATIENCE)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], outputs
    require_whole(open_sweep(spec, out), alone)
    assert json.loads((out / "report.json").read_text())["settings"][0]["missing"] == 0


FAILING = """
[[model]]
name = "sound"
learning.learning_rate = 1e-3
[[model]]
name = "broken"
learning.learning_rate = 1e30
"""


def test_a_failing_run_is_told_and_the_rest_complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole command line, with a rate at which every loss is infinite; then what it says the second time."""
    spec = write_sweep(tmp_path / "spec.toml", FAILING, top="seeds = [0]\nallow_few_seeds = true")
    out = tmp_path / "out"
    arguments = ["sweep", str(spec), "--out", str(out), "--jobs", "2"]
    sweep = open_sweep(spec, out)
    (broken,) = (run for run in sweep.plan.runs if run.model == "broken")

    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 1
    output = capsys.readouterr().out
    for run in sweep.plan.runs:
        assert sweep.status(run) is (Status.FAILED if run is broken else Status.FINISHED)
    failure = json.loads((out / "runs" / broken.name / "failed.json").read_text())
    assert failure["exit_code"] == 2
    assert re.match(r"update \d: .* (the last good checkpoint is|there is no checkpoint yet)", failure["error"])
    assert f"FAILED: {broken.name}: {failure['error']}" in output
    assert failure["error"] in (out / "runs" / broken.name / failure["log"]).read_text()
    assert "[2/2]" in output
    report = json.loads((out / "report.json").read_text())
    assert report["best"] == {"sound": 0, "broken": None}
    assert [len(row["failed"]) for row in report["settings"]] == [0, 1]
    drawn = {f"curves-{metric}" for metric in ("map_mse", "cell_accuracy", "heading_accuracy")}
    assert {path.name for path in out.glob("curves-*")} == {
        f"{name}.{ending}" for name in drawn for ending in ("png", "pdf")
    }
    assert (out / "spec.toml").read_bytes() == spec.read_bytes()

    files = {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 1
    assert {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()} == files
    assert "broken-setting0-seed0: update" in capsys.readouterr().out

    one = sweep.files(broken)
    before = one.log.read_text()
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--retry-failed"])
    assert stop.value.code == 1
    assert one.log.read_text().count("simcore: ") == before.count("simcore: ") + 1
    assert capsys.readouterr().out.count("finished,") == 0


def test_a_run_whose_process_is_killed_has_failed_and_the_rest_complete(
    tmp_path: Path, begin: Begin, alone: Alone
) -> None:
    """As the kernel does where memory runs out."""
    spec = LONG(tmp_path / "spec.toml")
    out = tmp_path / "out"
    sweep = open_sweep(spec, out)
    process = begin(spec, out)
    first = sweep.files(sweep.plan.runs[0])
    wait_until(lambda: checkpoints.latest(first.path / "checkpoints"), process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert first.read_failure() == "killed by SIGKILL, perhaps for want of memory"
    assert output.count("FAILED: ") == 2, "as it happens, and at the end"
    assert [sweep.status(run) for run in sweep.plan.runs] == [Status.FAILED, Status.FINISHED, Status.FINISHED]
    main(["sweep", str(spec), "--out", str(out), "--retry-failed"])
    require_whole(sweep, alone)
