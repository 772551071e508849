"""The cores are shared out between a learner and what works beside it, and a choice of the user's is kept."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from simcore.common import spawning
from simcore.common.spawning import THREAD_CHOICES
from simcore.common.threads import shared_cores
from simcore.config.run import Config
from simcore.runs import RunFolder
from simcore.training.cores import share_cores
from simcore.training.loop import train
from simcore.worlds.gym import GymConfig
from tinier import tinier, tinier_acting


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """PyTorch that uses eight threads by itself, and a record of the numbers that it is set to."""
    numbers = [8]
    for name in (*THREAD_CHOICES, "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: numbers[-1])
    monkeypatch.setattr(torch, "set_num_threads", numbers.append)
    return numbers


def config_of(**changes: Any) -> Config:
    return tinier_acting(threads=0, learning__worlds=4, **changes)


def processes_of_worlds(count: int) -> dict[str, Any]:
    return {"level": "MiniGrid-Empty-5x5-v0", "world": GymConfig(frame_size=8, processes=count)}


@pytest.mark.parametrize(
    ("changes", "threads"),
    [
        ({}, 8),
        ({"acting__actors": 3}, 8),  # which take turns with the learner
        ({"executor": "processes", "acting__actors": 3}, 5),
        ({"executor": "processes", "acting__actors": 9}, 1),
        ({"executor": "threads", "acting__actors": 3}, 2),
        ({"executor": "ray", "acting__actors": 3}, 5),
        ({"executor": "ray", "acting__actors": 3, "ray_address": "HEAD:6379"}, 8),
        (processes_of_worlds(1), 8),  # none of its own
        (processes_of_worlds(3), 5),
        (processes_of_worlds(9), 4),  # as many as there are worlds
        ({**processes_of_worlds(2), "executor": "processes", "acting__actors": 2}, 4),
    ],
)
def test_a_learner_takes_what_others_leave(changes: dict[str, Any], threads: int, eight_cores: list[int]) -> None:
    with share_cores(config_of(**changes)) as told:
        assert torch.get_num_threads() == threads
        assert (told is None) == (threads == 8)
        assert told is None or f"{threads} of 8 threads" in told
    assert torch.get_num_threads() == 8
    assert len(eight_cores) == (1 if threads == 8 else 3), "alone, nothing is set"


def test_learners_on_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with share_cores(config_of(executor="processes", acting__actors=1)):
        assert torch.get_num_threads() == 3


@pytest.mark.parametrize("variable", THREAD_CHOICES)
def test_what_the_user_has_chosen_is_kept(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    crowded = {"executor": "processes", "acting__actors": 3}
    with share_cores(tinier_acting(threads=6, **crowded)) as told:
        assert told is None
        assert torch.get_num_threads() == 8, "train sets --threads itself"
    monkeypatch.setenv(variable, "8")
    with share_cores(config_of(**crowded)) as told:
        assert told is None
        assert torch.get_num_threads() == 8


def test_runs_of_a_sweep_share_what_their_own_actors_then_divide() -> None:
    with shared_cores(2) as told:
        assert told is not None
        assert torch.get_num_threads() == 4
        with share_cores(config_of(executor="processes", acting__actors=3)):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 4
    assert torch.get_num_threads() == 8


def test_a_run_tells_of_its_threads_and_one_that_is_alone_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tinier(threads=0, learning__updates=1, executor="threads", acting__actors=1)
    assert train(config, RunFolder.create(tmp_path / "shared", config.to_dict()))
    assert "PyTorch uses 4 of 8 threads, as others share the cores; --threads chooses" in capsys.readouterr().out
    config = tinier(threads=0, learning__updates=1)
    assert train(config, RunFolder.create(tmp_path / "alone", config.to_dict()))
    assert "threads" not in capsys.readouterr().out


@pytest.mark.parametrize(("chosen", "told"), [(None, "1"), ("3", "3")])
def test_processes_of_actors_and_worlds_use_one_thread_each(
    chosen: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chosen is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    file = tmp_path / "told"
    process = spawning.start("a child", os.execvp, "sh", ["sh", "-c", f"echo $OMP_NUM_THREADS > '{file}'"])
    spawning.stop([process], 60.0)
    assert file.read_text() == f"{told}\n"
    assert os.environ.get("OMP_NUM_THREADS") == chosen
