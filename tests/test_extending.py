"""Parts of a user's own on the command line: found in the current folder, with options, resumed, measured."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import Launch
from simcore.cli import main
from simcore.runs import read_metrics
from simcore.testing import check_memory
from waiting import PATIENCE

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
TINY = (
    *("--device", "cpu", "--threads", "1", "--learning.worlds", "2", "--agent.hidden-size", "16"),
    *("--record.metrics-every", "2", "--record.checkpoint-every", "2", "--probes.worlds", "4"),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder of a user's own, whose modules are forgotten in the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]


def copy(*names: str) -> None:
    """Copy examples into the current folder."""
    for name in names:
        Path(name).write_text((EXAMPLES / name).read_text())


def resume(launch: Launch) -> None:
    """Go on with the run in a new process, which finds by itself what the run is made of."""
    _, errors = launch("train", "--resume", "run", "--learning.updates", "4").communicate(timeout=PATIENCE)
    assert errors == ""


def test_a_frame_model_of_ones_own_is_trained_by_command_line_and_resumed(launch: Launch) -> None:
    copy("own_frame_model.py")
    asked = ("--frame-model", "own_frame_model:SmallVAE", "--options", "frame_model.latents=4")
    main(["train", "RandomCity", *TINY, *asked, "--learning.updates", "2", "--run", "run"])
    resume(launch)
    config = json.loads(Path("run/config.json").read_text())
    assert (config["frame_model"], config["options"]) == ("own_frame_model:SmallVAE", ["frame_model.latents=4"])
    lines = list(read_metrics(Path("run/metrics.jsonl")))
    assert [line["update"] for line in lines] == [2, 4]
    assert all(line["frame_model/error"] > 0 for line in lines)
    main(["rollout", "run", "--worlds", "1"])
    assert Path("run/rollout.png").exists()


def test_memory_and_objectives_of_ones_own_are_trained_together() -> None:
    copy("own_memory.py", "own_objective.py")
    memory = next(
        line.split()[1].split("(")[0]
        for line in Path("own_memory.py").read_text().splitlines()
        if line.startswith("class") and "(Memory)" in line
    )
    asked = ("--core", f"own_memory:{memory}", "--objectives", "own_objective:InverseDynamics")
    main(["train", "RandomCity", *TINY, *asked, "--learning.updates", "2", "--run", "run"])
    (line,) = read_metrics(Path("run/metrics.jsonl"))
    assert line["inverse_dynamics/loss"] > 0
    assert line["frame_model/kl"] is not None


def test_a_level_of_ones_own_has_its_own_flags(capsys: pytest.CaptureFixture[str]) -> None:
    copy("own_level.py")
    arguments = ("--world.columns", "2", "--learning.updates", "2", "--run", "run")
    main(["train", "own_level:HALL", *TINY, *arguments])
    assert json.loads(Path("run/config.json").read_text())["world"]["columns"] == 2
    main(["evaluate", "run", "--episodes", "2"])
    assert "food" in capsys.readouterr().out


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


def test_a_probe_head_of_ones_own_is_trained_resumed_and_measured_with(launch: Launch) -> None:
    Path("my_heads.py").write_text(HEAD)
    asked = ("--probes.heads", "cell=my_heads:LinearHead", "--probes.validation-worlds", "2", "--core", "lstm")
    main(["train", "RandomCity", *TINY, *asked, "--learning.updates", "2", "--run", "run"])
    resume(launch)
    main(["probe", "run", "--worlds", "2", "--no-controls"])
    assert Path("run/probe.json").exists()


def test_a_world_of_ones_own_has_its_targets_probed() -> None:
    copy("own_world.py")
    told = ("--world.targets", "room=class:4", "position=vector:2", "--world.frame-size", "16")
    main(["train", "own_world:Rooms-v0", *TINY, *told, "--learning.updates", "2", "--run", "run"])
    (line,) = read_metrics(Path("run/metrics.jsonl"))
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
def test_what_is_not_there_is_told_in_one_line(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copy("own_frame_model.py")
    with pytest.raises(SystemExit) as stop:
        main(["train", "RandomCity", *arguments, "--run", "run"])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not Path("run").exists()


def test_the_memory_of_the_docs_keeps_the_contract() -> None:
    text = (ROOT / "docs" / "extending.md").read_text()
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL) if "class GRU" in block)
    names: dict[str, Any] = {}
    exec(code, names)
    check_memory(names["GRU"])
