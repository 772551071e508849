"""A user's own code in the current folder: found by every command, and told in one line where it fails."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simcore.cli import main
from simcore.runs import checkpoints, read_metrics

ROOT = Path(__file__).parents[1]
HALL = """
import gymnasium, numpy as np
from gymnasium.spaces import Box, Discrete


class Hall(gymnasium.Env):
    observation_space = Box(0, 255, (8, 8, 3), np.uint8)
    action_space = Discrete(2)

    def __init__(self, easy=True, lasts=10**6):
        if easy != True:
            raise ValueError(f"easy is {easy!r}")
        self.lasts = lasts

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.look(), {}

    def step(self, action):
        self.lasts -= 1
        if self.lasts == 0:
            raise KeyError("lamp")
        return self.look(), 0.0, False, False, {}

    def look(self):
        return self.np_random.integers(0, 256, (8, 8, 3)).astype(np.uint8)


class Glass(gymnasium.Wrapper):
    pass


gymnasium.register("HallTest-v0", entry_point=Hall)
"""
MODEL = """
from simcore.frame_models.deterministic import Deterministic


class Forgetful(Deterministic):
    losses = 0

    def loss(self, *frames, **more):
        Forgetful.losses += 1
        if Forgetful.losses == 4:
            raise RuntimeError("forgotten")
        return super().loss(*frames, **more)
"""
TINY = (
    *("--device", "cpu", "--threads", "1", "--learning.updates", "6", "--learning.worlds", "2"),
    *("--learning.unroll-length", "7", "--simulation.overshoot", "3", "--simulation.starts", "2", "--run", "run"),
    *("--agent.hidden-size", "8", "--agent.embedding-size", "8", "--agent.encoder-channels", "4"),
    *("--convdraw.steps", "2", "--convdraw.state-channels", "4", "--world.frame-size", "16"),
    *("--record.checkpoint-every", "1", "--record.metrics-every", "1"),
)
numbers = itertools.count()
Run = Callable[..., str]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of a user's in the current folder, with a name that no other test has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    name = f"hall_of_mine_{next(numbers)}"
    (tmp_path / f"{name}.py").write_text(HALL.replace("HallTest-v0", f"HallTest{name[-1]}-v0") + MODEL)
    return name


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Return the lines on standard error of a command that ends with exit code 2."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    return capsys.readouterr().err.strip().splitlines()


def world(module: str) -> str:
    return f"{module}:HallTest{module[-1]}-v0"


def test_a_world_that_cannot_be_made_is_told_with_its_arguments_as_they_were_read(
    module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("train", world(module), *TINY, "--world.make-kwargs", "easy=false", "lasts=1_000")
    (line,) = refused(capsys, *asked)
    failed = f"HallTest{module[-1]}-v0: making it with easy=False, lasts=1000 failed: ValueError: easy is False"
    assert line.startswith(f"simcore: {failed} ({module}.py:")
    assert line.endswith(", in Hall.__init__); --traceback shows all of it")
    *whole, last = refused(capsys, *asked, "--traceback")
    assert last.startswith(f"simcore: {failed}")
    assert "Traceback (most recent call last):" in whole
    assert 'raise ValueError(f"easy is {easy!r}")' in "".join(whole)
    assert not Path("run").exists()


@pytest.mark.parametrize("executor", [("serial",), ("threads",), ("processes",), ("serial", "--world.processes", "2")])
def test_a_world_that_fails_amid_training_leaves_its_checkpoints(
    executor: tuple[str, ...], module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = (*TINY, "--executor", *executor, "--world.make-kwargs", "lasts=36")
    (line,) = refused(capsys, "train", world(module), *asked)
    assert "its step failed: KeyError: 'lamp' (" in line
    assert "in Hall.step); the last good checkpoint is run/checkpoints/update_" in line
    assert line.endswith("then: simcore train --resume run; --traceback shows all of it")
    assert checkpoints.latest(Path("run/checkpoints")) is not None


def test_a_part_that_fails_amid_training_is_told_the_same(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("train", "RandomCity", *TINY, "--frame-model", f"{module}:Forgetful")
    (line,) = refused(capsys, *asked)
    assert f"update 4: {module} failed: RuntimeError: forgotten ({module}.py:" in line
    assert "in Forgetful.loss); the last good checkpoint is run/checkpoints/update_00000003" in line


def test_what_was_read_as_values_is_printed(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    values = ("--world.make-kwargs", "easy=TRUE", "lasts=0x7fff")
    main(("train", world(module), *TINY, *values, "--learning.updates", "1"))
    assert capsys.readouterr().out.splitlines()[0] == (
        "Read as values: world.make_kwargs easy=True, world.make_kwargs lasts=32767"
    )
    assert '"easy=TRUE"' in Path("run/config.json").read_text()


def simcore(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as the console script does, whose path does not begin with the current folder."""
    command = [sys.executable, "-P", "-m", "simcore", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_console_script_finds_world_and_wrapper_in_the_current_folder_in_any_process(tmp_path: Path) -> None:
    """Beside files with the names of Python's own modules, which hide nothing."""
    (tmp_path / "hall_of_mine.py").write_text(HALL)
    for name in ("random", "socket", "json"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('hidden')\n")
    asked = ("--executor", "processes", "--world.processes", "2", "--world.wrappers", "hall_of_mine:Glass")
    done = simcore(tmp_path, "train", "hall_of_mine:HallTest-v0", *TINY, *asked, "--learning.updates", "1")
    assert done.returncode == 0, done.stderr
    assert len(read_metrics(tmp_path / "run" / "metrics.jsonl")) == 1
    (tmp_path / "elsewhere").mkdir()
    done = simcore(tmp_path / "elsewhere", "train", "--resume", "../run", "--learning.updates", "2")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"there is no module hall_of_mine, neither installed nor in {tmp_path / 'elsewhere'}" in line


def test_a_sweeps_runs_find_a_world_in_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "hall_of_mine.py").write_text(HALL)
    (tmp_path / "random.py").write_text("raise RuntimeError('hidden')\n")
    (tmp_path / "halls.toml").write_text(
        'level = "hall_of_mine:HallTest-v0"\nmetric = "return"\nworlds = 1\nseeds = [0]\nallow_few_seeds = true\n'
        "beyond_the_paper = true\n"
        '[fixed]\n"learning.updates" = 1\n"learning.worlds" = 1\n"world.episode_length" = 4\n"threads" = 1\n'
        '"world.wrappers" = ["hall_of_mine:Glass"]\n"world.frame_size" = 16\n"agent.hidden_size" = 8\n'
    )
    done = simcore(tmp_path, "sweep", "halls.toml", "--out", "halls")
    assert done.returncode == 0, done.stdout + done.stderr
