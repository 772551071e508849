"""Each example runs as it says, from another folder than its own."""

import subprocess
import sys
from pathlib import Path

import pytest

import simcore
from tinier import tinier_acting

EXAMPLES = Path(__file__).parents[1] / "examples"
RUN = "RUN"
"""Stands for the path of a trained run."""
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "load_a_run.py": (RUN,),
    "own_frame_model.py": ("2",),
    "own_level.py": ("2",),
    "own_memory.py": ("20",),
    "own_objective.py": ("2",),
    "own_world.py": ("--run", "run", "--updates", "2"),
    "use_convdraw.py": ("20",),
}
"""By example, its arguments."""
LAST_LINES = {
    "load_a_run.py": "Imagined after forward, forward, forward: frames uint8 [8, 3, 8, 8, 3]",
    "own_frame_model.py": "Squared error: ",
    "own_level.py": " pieces of food in each",
    "own_memory.py": "after 20 updates: ",
    "own_objective.py": " for a uniform guess",
    "use_convdraw.py": "and their corners are at [(",
}
"""By example, a part of the last line that it prints, where that is known."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    simcore.train(tinier_acting(learning__updates=1), path)
    return path


def test_every_example_is_run() -> None:
    assert {file.name for file in EXAMPLES.glob("*.py")} == set(ARGUMENTS)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_example_runs(name: str, run: Path, tmp_path: Path) -> None:
    arguments = [str(run) if argument == RUN else argument for argument in ARGUMENTS[name]]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert LAST_LINES.get(name, "") in done.stdout.splitlines()[-1]
