"""The oldest Gymnasium that the project allows takes our vector environments as the newest does."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_oldest_gymnasium_finds_its_conventions_kept(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (requirement,) = (each for each in project["dependencies"] if each.startswith("gymnasium"))
    oldest = requirement.replace(">=", "==")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "0", "--timeout", "10"]
    place = tmp_path / "oldest"
    got = subprocess.run([*pip, "install", "--no-deps", "--target", place, oldest], capture_output=True, check=False)
    if got.returncode != 0:
        pytest.skip(f"pip cannot get {oldest} here")
    paths = [str(place), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    version = [sys.executable, "-c", "import gymnasium; print(gymnasium.__version__)"]
    found = subprocess.run(version, env=environment, capture_output=True, text=True, check=True).stdout
    assert found.startswith(oldest.removeprefix("gymnasium=="))
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/worlds/test_vector_conventions.py"]
    done = subprocess.run(tests, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout
