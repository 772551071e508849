"""The sweep command as a whole: what it refuses, and that a killed or failing sweep comes to the same end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from simcore.cli import main
from simcore.runs import RunFolder, checkpoints
from simcore.sweeps.plan import make_plan
from simcore.sweeps.spec import read_spec

SMALL = """
level = "RandomCity"
preset = "tiny"
worlds = 2
seeds = [0, 1]
allow_few_seeds = true
beyond_the_paper = true

[fixed]
threads = 1
device = "cpu"
world.size = 7
world.frame_size = 8
world.episode_length = 8
world.buildings = [0, 2]
agent.hidden_size = 16
agent.embedding_size = 8
agent.encoder_channels = [4]
convdraw.steps = 2
convdraw.latent_channels = 2
convdraw.state_channels = 4
convdraw.encoder_channels = [4]
convdraw.decoder_channels = [4]
simulation.starts = 2
learning.updates = 6
learning.worlds = 2
learning.unroll_length = 7
record.metrics_every = 2
record.checkpoint_every = 1

[[model]]
name = "short"
simulation.overshoot = 1

[[model]]
name = "long"
simulation.overshoot = 3
"""


def write(path: Path, text: str = SMALL) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[grid]\nlearning.learning_rate = [1e-3]\n", "learning_rate is 0.001; table 2 has 0.0001 to 0.0002"),
        ("[grid]\nsimulation.overshoot = [5]\n", "overshoot is 5; table 2 has 1 or 2 or 3 or 6 or 12"),
        ('metric = "return"\n', "has no return to choose by"),
        ("level = ", "is no TOML"),
        ('level = "Nowhere"\n', "there is no level 'Nowhere'"),
        ('[[model]]\nname = "a"\n[[model]]\nname = "a"\n', "two models are named a"),
    ],
)
def test_what_a_file_cannot_say_is_one_line_and_makes_nothing(
    text: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = write(tmp_path / "spec.toml", text)
    with pytest.raises(SystemExit) as stop:
        main(["sweep", str(spec)])
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip()
    assert what in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [spec]


def sweep(spec: Path, out: Path, *flags: str) -> tuple[int, str]:
    command = [sys.executable, "-W", "error", "-m", "simcore.cli", "sweep", str(spec), "--out", str(out), *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def scores_of(out: Path) -> dict[str, Any]:
    return {path.parent.name: json.loads(path.read_text()) for path in (out / "runs").glob("*/scores.json")}


def test_a_killed_sweep_goes_on_with_what_is_missing_and_comes_to_the_same_scores(tmp_path: Path) -> None:
    spec = write(tmp_path / "spec.toml")
    code, told = sweep(spec, tmp_path / "whole")
    assert code == 0, told
    whole = scores_of(tmp_path / "whole")
    assert sorted(whole) == [f"{model}-setting0-seed{seed}" for model in ("long", "short") for seed in (0, 1)]
    assert all(scores["update"] == 6 for scores in whole.values())
    report = json.loads((tmp_path / "whole" / "report.json").read_text())
    assert report["best"] == {"short": 0, "long": 0}
    assert "4/4" in told
    assert "short" in told
    assert (tmp_path / "whole" / "curves-map_mse.pdf").exists()

    out = tmp_path / "killed"
    command = [sys.executable, "-m", "simcore.cli", "sweep", str(spec), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while not scores_of(out) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2.0)  # into the next run
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {name: (out / "runs" / name / "scores.json").stat().st_mtime_ns for name in scores_of(out)}
    assert 0 < len(finished) < 4
    code, told = sweep(spec, out)
    assert code == 0, told
    assert scores_of(out) == whole
    for name, written in finished.items():
        assert (out / "runs" / name / "scores.json").stat().st_mtime_ns == written, "what was finished is left alone"
    assert sweep(spec, out)[0] == 0


def test_a_failing_run_is_told_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    spec, out = write(tmp_path / "spec.toml", SMALL.replace("seeds = [0, 1]", "seeds = [0]")), tmp_path / "out"
    assert sweep(spec, out)[0] == 0
    run = out / "runs" / "short-setting0-seed0"
    (run / "scores.json").unlink()
    newest = checkpoints.latest(RunFolder.open(run).checkpoints)
    assert newest is not None
    whole = newest.read_bytes()
    newest.write_bytes(b"damaged")
    (out / "runs" / "long-setting0-seed0" / "scores.json").unlink()
    code, told = sweep(spec, out)
    assert code == 1
    assert "FAILED" in told
    assert "damaged" in told
    assert set(scores_of(out)) == {"long-setting0-seed0"}
    assert sweep(spec, out)[0] == 1, "it is not tried again unasked"
    newest.write_bytes(whole)
    code, told = sweep(spec, out, "--retry-failed")
    assert code == 0, told
    assert len(scores_of(out)) == 2


def test_another_sweep_in_the_folder_is_refused(tmp_path: Path) -> None:
    spec, out = write(tmp_path / "spec.toml", SMALL.replace("seeds = [0, 1]", "seeds = [0]")), tmp_path / "out"
    assert sweep(spec, out)[0] == 0
    write(spec, SMALL.replace("seeds = [0, 1]", "seeds = [3]"))
    code, told = sweep(spec, out)
    assert code == 2
    assert "holds a sweep with another seeds" in told


@pytest.mark.parametrize("path", sorted(Path("experiments").glob("*/*.toml")), ids=str)
def test_the_experiments_files_can_be_planned(path: Path) -> None:
    plan = make_plan(read_spec(path)[0])
    assert {run.config.preset for run in plan.runs} == {path.parent.name}
    assert {run.config.seed for run in plan.runs} >= {0, 1, 2}


def test_the_experiments_cover_what_the_paper_compares() -> None:
    for scale in ("tiny", "small", "paper"):
        assert {path.stem for path in Path("experiments", scale).glob("*.toml")} == {
            "models",
            "memories",
            "kappa",
        }
