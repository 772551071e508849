"""Sweeps: what a file means, what is refused, and that a killed or failing sweep comes to the same end."""

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
from simcore.errors import UserError
from simcore.evaluation import Interval
from simcore.presets import preset
from simcore.runs import RunFolder, checkpoints
from simcore.sweeps.plan import Plan, PlannedRun, make_plan
from simcore.sweeps.report import make_report
from simcore.sweeps.scores import Scores
from simcore.sweeps.spec import parse_spec, read_spec

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


def plan_of(text: str, path: Path) -> Plan:
    return make_plan(read_spec(write(path, text))[0])


def test_a_plan_follows_from_its_file_alone(tmp_path: Path) -> None:
    text = "samples = 4\n[draw]\nlearning.learning_rate = { low = 1e-4, high = 2e-4, log = true }\n"
    text += 'learning.beta1 = { choices = [0.0, 0.9] }\n[[model]]\nname = "a"\n[[model]]\nname = "b"\ncore = "slots"\n'
    one, two = (plan_of(text, tmp_path / f"{name}.toml") for name in "xy")
    assert one.to_dict() == two.to_dict()
    assert len(one.runs) == 3 * 2 * 4
    assert len({run.name for run in one.runs}) == len(one.runs)
    rates = {run.config.learning.learning_rate for run in one.runs}
    assert len(rates) == 4, "models and seeds share the settings"
    assert all(1e-4 <= rate <= 2e-4 for rate in rates)
    assert {run.config.core for run in one.runs if run.model == "b"} == {"slots"}


def test_a_grid_is_tried_as_a_whole_and_frames_fit_the_overshoot(tmp_path: Path) -> None:
    plan = plan_of("[grid]\nsimulation.overshoot = [1, 6]\ngeco.kappa = [1e-3, 5e-3, 1e-2]\n", tmp_path / "spec.toml")
    settings = {(run.config.simulation.overshoot, run.config.geco.kappa) for run in plan.runs}
    assert settings == {(overshoot, kappa) for overshoot in (1, 6) for kappa in (1e-3, 5e-3, 1e-2)}
    assert {(run.config.simulation.overshoot, run.config.simulation.frames) for run in plan.runs} == {(1, 1), (6, 2)}
    assert [run.config.seed for run in plan.runs] == [0] * 6 + [1] * 6 + [2] * 6, "seed by seed"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[grid]\nlearning.learning_rate = [1e-3]\n", "learning_rate is 0.001; table 2 has 0.0001 to 0.0002"),
        ("[grid]\nsimulation.overshoot = [5]\n", "overshoot is 5; table 2 has 1 or 2 or 3 or 6 or 12"),
        ("seeds = [0, 1]\n", "3 seeds at least, not 2; say allow_few_seeds"),
        ("seeds = [0, 0, 1]\n", "seeds must be different"),
        ("[grid]\nlearning.rate = [1]\n", "no field learning.rate"),
        ("[grid]\ngeco.kappa = []\n", "must be a list of values"),
        ("[fixed]\ngeco = 1\n", "geco is a section"),
        ('[fixed]\ngeco.kappa = "small"\n', "kappa"),
        ("[grid]\ngeco.kappa = [-1.0]\n", "geco.kappa must be positive"),
        ('metric = "fun"\n', "no metric 'fun'; there are: map_mse"),
        ('metric = "return"\n', "has no return to choose by"),
        ("samples = 3\n", "samples is for [draw]"),
        ("[draw]\ngeco.kappa = { low = 1e-3, high = 1e-2 }\n", "[draw] wants samples"),
        ("colour = 1\n", "there is no colour"),
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


def make_runs(scores: dict[tuple[int, int], float | None]) -> tuple[Plan, dict[str, Scores | None]]:
    runs, taken = [], {}
    for (number, seed), value in scores.items():
        name = f"m-{number}-{seed}"
        runs.append(PlannedRun(name, "m", number, {"geco.kappa": number}, preset("tiny")))
        taken[name] = (
            None if value is None else Scores(1, 2, {"map_mse": value}, {"map_mse": 10 * value}, {"map_mse": 99.0})
        )
    return Plan("map_mse", 2, tuple(runs)), taken


def test_the_best_setting_is_chosen_on_validation_worlds_and_told_on_test_worlds() -> None:
    plan, scores = make_runs({(0, 0): 0.3, (0, 1): 0.5, (1, 0): 0.2, (1, 1): 0.4, (2, 0): 0.1, (2, 1): 0.9})
    best = make_report(plan, scores, []).best()["m"]
    assert best.number == 1
    test = best.interval("test", "map_mse")
    assert test == Interval.of([2.0, 4.0])


def test_a_setting_that_lost_a_seed_is_passed_over() -> None:
    plan, scores = make_runs({(0, 0): 0.3, (0, 1): 0.5, (1, 0): 0.1, (1, 1): None})
    report = make_report(plan, scores, ["m-1-1"])
    assert report.best()["m"].number == 0
    assert report.rows[1].failed == ("m-1-1",)


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


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UserError, match=r"there is no file gone\.toml"):
        read_spec(Path("gone.toml"))
    assert parse_spec({}).seeds == (0, 1, 2)
