"""Parts of a user's own on the command line: found in the current folder, with options, resumed, measured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simcore.runs import read_metrics

EXAMPLES = Path(__file__).parents[1] / "examples"
TINY = (
    *("--device", "cpu", "--threads", "1", "--learning.worlds", "2", "--agent.hidden-size", "16"),
    *("--record.metrics-every", "2", "--record.checkpoint-every", "2", "--probes.worlds", "4"),
)


def simcore(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simcore", *arguments]
    environment = os.environ | {"PYTHONPATH": str(EXAMPLES.parent), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def copied(name: str, folder: Path) -> Path:
    """A folder of a user's own, with one file of ours."""
    (folder / name).write_text((EXAMPLES / name).read_text())
    return folder


def test_a_frame_model_of_ones_own_is_trained_by_command_line_and_resumed(tmp_path: Path) -> None:
    folder = copied("own_frame_model.py", tmp_path)
    asked = ("--frame-model", "own_frame_model:SmallVAE", "--options", "frame_model.latents=4")
    done = simcore(folder, "train", "RandomCity", *TINY, *asked, "--learning.updates", "2", "--run", "run")
    assert done.returncode == 0, done.stderr
    done = simcore(folder, "train", "--resume", "run", "--learning.updates", "4")
    assert done.returncode == 0, done.stderr
    config = json.loads((folder / "run" / "config.json").read_text())
    assert (config["frame_model"], config["options"]) == ("own_frame_model:SmallVAE", ["frame_model.latents=4"])
    lines = read_metrics(folder / "run" / "metrics.jsonl")
    assert [line["update"] for line in lines] == [2, 4]
    assert all(line["frame_model/error"] > 0 for line in lines)
    done = simcore(folder, "rollout", "run", "--worlds", "1")
    assert done.returncode == 0, done.stderr


def test_memory_and_objectives_of_ones_own_are_trained_together(tmp_path: Path) -> None:
    folder = copied("own_objective.py", copied("own_memory.py", tmp_path))
    memory = next(
        line.split()[1].split("(")[0]
        for line in (folder / "own_memory.py").read_text().splitlines()
        if line.startswith("class") and "(Memory)" in line
    )
    asked = ("--core", f"own_memory:{memory}", "--objectives", "own_objective:InverseDynamics")
    done = simcore(folder, "train", "RandomCity", *TINY, *asked, "--learning.updates", "2", "--run", "run")
    assert done.returncode == 0, done.stderr
    (line,) = read_metrics(folder / "run" / "metrics.jsonl")
    assert line["inverse_dynamics/loss"] > 0
    assert line["frame_model/kl"] is not None


def test_a_level_of_ones_own_has_its_own_flags(tmp_path: Path) -> None:
    folder = copied("own_level.py", tmp_path)
    arguments = ("--world.columns", "2", "--learning.updates", "2", "--run", "run")
    done = simcore(folder, "train", "own_level:HALL", *TINY, *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "run" / "config.json").read_text())["world"]["columns"] == 2
    done = simcore(folder, "evaluate", "run", "--episodes", "2")
    assert done.returncode == 0, done.stderr
    assert "food" in done.stdout


HEAD = """
from simcore.probes import ProbeHead
from torch import nn

class LinearHead(ProbeHead):
    def __init__(self, *, belief_size, target):
        super().__init__()
        self.linear = nn.Linear(belief_size, *target.shape)

    def forward(self, beliefs):
        return self.linear(beliefs)
"""


def test_a_probe_head_of_ones_own_is_trained_resumed_and_measured_with(tmp_path: Path) -> None:
    (tmp_path / "my_heads.py").write_text(HEAD)
    asked = ("--probes.heads", "cell=my_heads:LinearHead", "--probes.validation-worlds", "2", "--core", "lstm")
    done = simcore(tmp_path, "train", "RandomCity", *TINY, *asked, "--learning.updates", "2", "--run", "run")
    assert done.returncode == 0, done.stderr
    done = simcore(tmp_path, "train", "--resume", "run", "--learning.updates", "4")
    assert done.returncode == 0, done.stderr
    done = simcore(tmp_path, "probe", "run", "--worlds", "2", "--no-controls")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "probe.json").exists()


def test_a_world_of_ones_own_has_its_targets_probed(tmp_path: Path) -> None:
    folder = copied("own_world.py", tmp_path)
    told = ("--world.targets", "room=class:4", "position=vector:2", "--world.frame-size", "16")
    done = simcore(folder, "train", "own_world:Rooms-v0", *TINY, *told, "--learning.updates", "2", "--run", "run")
    assert done.returncode == 0, done.stderr
    (line,) = read_metrics(folder / "run" / "metrics.jsonl")
    assert 0 <= line["probes/room_accuracy"] <= 1
    assert line["probes/position_mse"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--frame-model", "own_frame_model:Nothing"), "the module own_frame_model has no Nothing"),
        (("--frame-model", "nowhere:Model"), "there is no module nowhere, neither installed nor in"),
        (("--frame-model", "own_frame_model:gaussian"), "must be of the class FrameModel"),
        (
            ("--frame-model", "own_frame_model:SmallVAE", "--options", "frame_model.depth=2"),
            "frame_model has no option",
        ),
        (("--frame-model", "own_frame_model:SmallVAE", "--options", "frame_model.latents=2.5"), "cannot be 2.5"),
        (("--frame-model", "own_frame_model:SmallVAE", "--options", "core.size=2"), "options can be of frame_model"),
        (("--frame-model", "pixelcnn"), "there is no frame model 'pixelcnn'; there are:"),
        (("--options", "frame_model.latents=2"), "this run has no part of your own"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = simcore(copied("own_frame_model.py", tmp_path), "train", "RandomCity", *arguments, "--run", "run")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert message in done.stderr
    assert not (tmp_path / "run").exists()
