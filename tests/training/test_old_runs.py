"""Runs of an early commit, 61b9f7b: they load, believe what they believed, and go on as they went on there.

`old_runs.tar.xz` holds five of them, trained there for 4 updates. Beside each, `recorded.npz` has a trajectory with the
beliefs that it gave rise to and what the online probes read, and `continued.jsonl` the metrics of two more updates.
"""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from simcore.analysis.loading import load
from simcore.cli import main
from simcore.data.trajectory import Trajectory
from simcore.runs import read_metrics

ARCHIVE = Path(__file__).with_name("old_runs.tar.xz")
NAMES = ("lstm-convdraw", "slots-contrastive", "kanerva-deterministic", "supervised", "food-slots")
SAME = ("update", "frames", "grad_norm", "map_mse", "cell_accuracy", "heading_accuracy", "return", "food")
"""Metrics that have kept their meaning; losses are means over the terms that counted since then, not over updates."""


@pytest.fixture(scope="module")
def old_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_it_believes_what_it_believed(name: str, old_runs: Path) -> None:
    recorded = np.load(old_runs / name / "recorded.npz")
    run = load(old_runs / name, "cpu")
    seen = [torch.from_numpy(recorded[part]) for part in ("frames", "actions", "rewards", "is_first")]
    unknown = torch.zeros_like(seen[-1])
    with torch.no_grad():
        belief = run.observe(Trajectory(*seen, unknown, unknown.float(), run.agent.initial_state(2), {}))
        read = run.online_probes(belief)
    torch.testing.assert_close(belief, torch.from_numpy(recorded["belief"]), rtol=1e-4, atol=1e-5)
    for target in ("map", "cell", "heading"):
        torch.testing.assert_close(read[target], torch.from_numpy(recorded[f"read_{target}s"]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_it_goes_on_as_it_went_on_there(name: str, old_runs: Path, tmp_path: Path) -> None:
    run = tmp_path / name
    run.mkdir()
    for part in ("config.json", "metrics.jsonl"):
        (run / part).write_bytes((old_runs / name / part).read_bytes())
    (run / "checkpoints").mkdir()
    (checkpoint,) = (old_runs / name / "checkpoints").iterdir()
    (run / "checkpoints" / checkpoint.name).write_bytes(checkpoint.read_bytes())
    main(["train", "--resume", str(run), "--learning.updates", "6"])
    now = read_metrics(run / "metrics.jsonl")[-1]
    then = json.loads((old_runs / name / "continued.jsonl").read_text().splitlines()[-1])
    named = {metric.rpartition("/")[2]: value for metric, value in now.items()}
    compared = [metric for metric in SAME if metric in then]
    assert len(compared) >= 4
    assert {metric: named[metric] for metric in compared} == pytest.approx(
        {metric: then[metric] for metric in compared}, rel=1e-3, abs=1e-6
    )


def test_it_can_be_looked_at(old_runs: Path, tmp_path: Path) -> None:
    run = str(old_runs / "lstm-convdraw")
    main(["probe", run, "--worlds", "2", "--no-controls", "--out", str(tmp_path / "probed")])
    main(["rollout", run, "--out", str(tmp_path / "rolled")])
    main(["export", run, str(tmp_path / "old.safetensors")])
    assert load(tmp_path / "old.safetensors", "cpu").update == 4
