"""Runs of a sweep that go on side by side share the cores."""

from pathlib import Path

import pytest
import torch
from sweep_file import write_sweep

from simcore.common.spawning import THREAD_CHOICES
from simcore.sweeps import make_executor, plan_sweep


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    for name in THREAD_CHOICES:
        monkeypatch.delenv(name, raising=False)


def test_a_sweep_tells_of_the_threads_of_its_runs(tmp_path: Path) -> None:
    given = plan_sweep(write_sweep(tmp_path / "given.toml"))[0]
    assert make_executor(given, "processes", None, 2).notes == ()
    text = (tmp_path / "given.toml").read_text()
    assert "threads = 1" in text
    (tmp_path / "free.toml").write_text(text.replace("threads = 1", ""))
    free = plan_sweep(tmp_path / "free.toml")[0]
    assert make_executor(free, "processes", None, None).notes == ()
    (told,) = make_executor(free, "processes", None, 2).notes
    assert told.startswith("2 runs at a time share the cores: PyTorch uses 4 of 8 threads in each")
    (told,) = make_executor(free, "processes", None, 8).notes
    assert told.startswith(f"{len(free.runs)} runs at a time"), "there are no more"
