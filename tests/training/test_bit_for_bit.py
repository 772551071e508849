"""A run is the same to the bit with the same seed, however roughly it was stopped in between."""

import copy
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from commands import Launch
from simcore.runs import RunFolder, read_metrics
from simcore.training.loop import train
from simcore.training.training import Training
from states import assert_same_state, newest_state
from tinier import tinier
from trained import trained_run
from waiting import PATIENCE, wait_for_lines

CPU = torch.device("cpu")


def untimed(records: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: v for name, v in record.items() if not name.startswith("seconds/")} for record in records]


def test_the_same_seed_gives_the_same_run_and_another_a_different_one() -> None:
    runs = [Training(tinier(seed=seed), CPU) for seed in (3, 3, 4)]
    for run in runs:
        run.update()
        run.update()
    assert_same_state(runs[0].state_dict(), runs[1].state_dict())
    assert not torch.equal(runs[0].system.agent.core.lstm.weight_hh_l0, runs[2].system.agent.core.lstm.weight_hh_l0)


@pytest.mark.parametrize(
    "changes",
    [
        *({"core": "lstm"}, {"core": "slots"}, {"core": "kanerva"}, {"probes__map_convdraw": True}),
        *({"supervised": True}, {"acting__actors": 2}),
    ],
)
@pytest.mark.parametrize("stop_after", [1, 2, 3, 5])
def test_a_run_loaded_in_the_middle_ends_bit_for_bit_the_same(stop_after: int, changes: dict[str, Any]) -> None:
    """Odd updates lie between two lines of metrics, and episodes of 9 frames across trajectories of 7."""
    config = tinier(**changes)
    whole = Training(config, CPU)
    for _ in range(6):
        whole.update()
    first = Training(config, CPU)
    for _ in range(stop_after):
        first.update()
    saved = first.state_dict()
    second = Training(config, CPU)
    second.load_state_dict(saved)
    for _ in range(6 - stop_after):
        second.update()
    assert_same_state(second.state_dict(), whole.state_dict())


def test_a_killed_and_resumed_run_ends_bit_for_bit_the_same(tmp_path: Path, launch: Launch) -> None:
    config = tinier(learning__updates=60, record__checkpoint_every=3)
    whole = trained_run(tmp_path / "whole", config)

    killed = RunFolder.create(tmp_path / "killed", config.to_dict())
    for wait in (1, 3):  # checkpoints that a process sees before it is killed
        process = launch("train", "--resume", killed.path, stdout=subprocess.DEVNULL)
        seen: set[Path] = set(killed.checkpoints.glob("*.pt"))
        new: set[Path] = set()
        while len(new) < wait:
            assert process.poll() is None, "it was too quick to be killed"
            new |= set(killed.checkpoints.glob("*.pt")) - seen
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert train(config, killed)
    assert_same_state(newest_state(killed), newest_state(whole))
    assert untimed(read_metrics(killed.metrics)) == untimed(read_metrics(whole.metrics))


def test_ctrl_c_stops_cleanly_with_a_checkpoint(tmp_path: Path, launch: Launch) -> None:
    config = tinier(learning__updates=100_000, record__checkpoint_every=100_000)
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    process = launch("train", "--resume", folder.path)
    wait_for_lines(folder.metrics, process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert f"simcore train --resume {folder.path}" in output
    state = newest_state(folder)
    assert 0 < state["updates"] < 100_000


def test_a_complete_run_is_left_as_it_is(tmp_path: Path) -> None:
    config = tinier(learning__updates=2)
    folder = trained_run(tmp_path / "run", config)
    files = {path: path.read_bytes() for path in folder.checkpoints.iterdir()}
    lines = folder.metrics.read_text()
    assert train(config, folder)
    assert {path: path.read_bytes() for path in folder.checkpoints.iterdir()} == files
    assert folder.metrics.read_text() == lines


@pytest.mark.parametrize("frame_model", ["deterministic", "contrastive"])
def test_every_weight_of_another_frame_model_is_trained_and_resumes(frame_model: str) -> None:
    config = tinier(frame_model=frame_model)
    first = Training(config, CPU)
    before = {name: value.clone() for name, value in first.system.named_parameters()}
    first.update()
    first.update()
    assert not [name for name, value in first.system.named_parameters() if torch.equal(value, before[name])]
    second = Training(config, CPU)
    second.load_state_dict(copy.deepcopy(first.state_dict()))  # which shares what the next update changes in place
    for run in (first, second):
        run.update()
    assert_same_state(first.state_dict(), second.state_dict())
