"""Everything that runs on a GPU, once on a GPU. SIMCORE_TEST_DEVICE=cpu rehearses it where there is none."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from simcore.analysis.loading import load_run
from simcore.cli import main
from simcore.common.precision import set_precision
from simcore.common.tree import tree_map
from simcore.config.run import Config
from simcore.runs import RunFolder, checkpoints, open_run
from simcore.training.loop import train
from simcore.training.training import Training
from tinier import tinier, tinier_acting

DEVICE = os.environ.get("SIMCORE_TEST_DEVICE", "cuda")
pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="wants a GPU"),
]


def assert_trains_and_resumes(config: Config, path: Path) -> None:
    """Do updates; go on from a checkpoint of them on the device, and let the CPU read it."""
    config, device = replace(config, device=DEVICE), torch.device(DEVICE)
    first = Training(config, device)
    with first.executor:
        for _ in range(3):
            first.update()
        assert all(value.device.type == device.type for value in first.system.state_dict().values())
        metrics = first.take_metrics()
        file = checkpoints.save(path, first.updates, first.state_dict())
    assert math.isfinite(metrics["probes/loss"])
    assert math.isfinite(metrics.get("loss", 0.0))
    second = Training(config, device)
    with second.executor:
        second.load_state_dict(checkpoints.load(file, device).state)
        second.update()
    assert second.updates == 4
    there = checkpoints.load(file, "cpu").state["learner"]["system"]
    for name, value in first.system.state_dict().items():
        assert torch.equal(there[name], value.cpu()), name


@pytest.mark.parametrize("frame_model", ["convdraw", "deterministic", "contrastive", "none"])
@pytest.mark.parametrize("core", ["lstm", "slots", "kanerva"])
@pytest.mark.parametrize("who", ["walker", "agent"])
def test_updates_resume(who: str, core: str, frame_model: str, tmp_path: Path) -> None:
    make = tinier if who == "walker" else tinier_acting
    if (who, frame_model) == ("walker", "none"):
        assert_trains_and_resumes(tinier(core=core, supervised=True), tmp_path)
    else:
        assert_trains_and_resumes(make(core=core, frame_model=frame_model), tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"probes__map_convdraw": True},
        {"learning__probe_times": 3},
        {"executor": "threads", "acting__actors": 2},
        {"executor": "processes", "acting__actors": 2},
        {"precision": "tf32"},
        {"precision": "bf16"},
        {"precision": "bf16", "core": "slots"},
        {"precision": "bf16", "core": "kanerva", "frame_model": "contrastive"},
        {"graph": True},
        {"graph": True, "precision": "bf16"},
        {"graph": True, "frame_model": "contrastive"},
    ],
)
def test_what_there_is_besides(changes: dict[str, Any], tmp_path: Path) -> None:
    if changes.get("graph") and DEVICE == "cpu":
        pytest.skip("a CPU has no graphs")
    assert_trains_and_resumes(tinier(**changes), tmp_path)


def test_an_agent_acts_beside_the_learner(tmp_path: Path) -> None:
    assert_trains_and_resumes(tinier_acting(executor="threads", acting__actors=2, core="slots"), tmp_path)


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_updates_of_an_agent_that_acts_are_recorded(executor: str, tmp_path: Path) -> None:
    if DEVICE == "cpu":
        pytest.skip("a CPU has no graphs")
    config = tinier_acting(executor=executor, graph=True, record__metrics_every=8)
    training = Training(replace(config, device=DEVICE), torch.device(DEVICE))
    with training.executor:
        for _ in range(12):  # some as they are, one recorded, some replayed, and one that measures gradient_ratio
            training.update()
        metrics = training.take_metrics()
    assert math.isfinite(metrics["gradient_ratio"])
    assert math.isfinite(metrics["frame_model/loss"])
    assert_trains_and_resumes(config, tmp_path)


@pytest.mark.parametrize("core", ["lstm", "slots", "kanerva"])
def test_every_verb_that_looks_into_a_run(core: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = RunFolder.create(tmp_path / "run", tinier(learning__updates=2, core=core, device=DEVICE).to_dict())
    assert train(Config.from_dict(folder.config), folder)
    main(["export", str(folder.path), "--no-half", "--no-measure"])
    file = folder.path / "run.safetensors"
    main(["probe", str(folder.path), "--worlds", "3", "--device", DEVICE])
    main(["probe", str(file), "--worlds", "3", "--device", DEVICE, "--of", "state", "--no-controls"])
    main(["rollout", str(file), "--worlds", "2", "--device", DEVICE])
    here, there = load_run(open_run(file), "cpu"), load_run(folder, DEVICE)
    set_precision("fp32")
    trajectory = here.collect("a test", 3, 9)
    moved = tree_map(lambda part: part.to(DEVICE), trajectory)
    with torch.no_grad():
        torch.testing.assert_close(there.observe(moved).cpu(), here.observe(trajectory), rtol=1e-3, atol=1e-4)


def test_an_agent_is_evaluated(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", tinier_acting(learning__updates=2, device=DEVICE).to_dict())
    assert train(Config.from_dict(folder.config), folder)
    main(["evaluate", str(folder.path), "--episodes", "4", "--device", DEVICE])
    assert (folder.path / "evaluation-Food.json").exists()
