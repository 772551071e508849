"""The package as a user gets it: a wheel, installed where the sources are not."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import simcore
from simcore.pretrained import shipped
from tinier import tinier

ROOT = Path(__file__).parents[1]
FIVE_LINES = """
import sys
import simcore
actions = [0, 1, 2]
run = simcore.load(sys.argv[1])
env = run.make_env()
session = run.session()
belief = session.observe(*env.reset(seed=0))
print(belief.map.shape, belief.cell, belief.heading, session.imagine(actions, samples=8).shape)
print(simcore.__file__)
"""


def call(*command: str | Path, folder: Path) -> str:
    """Run a command in a folder, without this process's own way to the sources, and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of a copy of the sources, and install it in an environment of its own."""
    place = tmp_path_factory.mktemp("wheel")
    sources = place / "sources"
    shutil.copytree(ROOT / "simcore", sources / "simcore", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    call(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", place, sources, folder=place)
    (wheel,) = place.glob("simcore-*.whl")
    home = place / "env"
    venv.create(home, with_pip=False)
    call(*pip, f"--python={home / 'bin' / 'python'}", "install", "--no-deps", "--no-index", wheel, folder=place)
    (packages,) = home.glob("lib/python*/site-packages")
    # What SimCore depends on is there already. The .pth files in that folder, an editable SimCore's among them, are not
    # read from here.
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "dependencies.pth").write_text("\n".join(folders) + "\n")
    return home


def test_five_lines_from_a_wheel(installed: Path, tmp_path: Path) -> None:
    trained = simcore.train(tinier(learning__updates=1), tmp_path / "run")
    env, session = trained.make_env(), trained.session()
    belief = session.observe(*env.reset(seed=0))
    output, file = call(installed / "bin" / "python", "-c", FIVE_LINES, tmp_path / "run", folder=tmp_path).splitlines()
    assert output == f"(7, 7, 3) {belief.cell} {belief.heading} (8, 3, 8, 8, 3)"
    assert Path(file).is_relative_to(installed)


BY_NAME = """
import simcore
run = simcore.load("random-city", "cpu")
belief = run.session().observe(*run.make_env().reset(seed=0))
print(run.update, belief.map.shape)
"""


def test_shipped_runs_are_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert call(installed / "bin" / "python", "-c", BY_NAME, folder=tmp_path) == "47000 (7, 7, 3)\n"
    listed = call(installed / "bin" / "simcore", "pretrained", folder=tmp_path)
    assert all(name in listed for name in shipped())


def test_the_wheel_is_no_larger_than_what_is_shipped(installed: Path) -> None:
    (wheel,) = installed.parent.glob("simcore-*.whl")
    weights = sum(file.stat().st_size for file in shipped().values())
    assert wheel.stat().st_size < weights + 2**20


def test_the_wheel_has_what_is_no_module(installed: Path) -> None:
    (package,) = installed.glob("lib/python*/site-packages/simcore")
    held = {file.relative_to(package) for file in package.rglob("*") if file.suffix != ".pyc" and file.is_file()}
    sources = (file for file in (ROOT / "simcore").rglob("*") if file.suffix != ".pyc" and file.is_file())
    assert {file.relative_to(ROOT / "simcore") for file in sources if file.suffix not in (".nbi", ".nbc")} <= held
    assert Path("py.typed") in held


def test_the_command_is_installed(installed: Path, tmp_path: Path) -> None:
    assert call(installed / "bin" / "simcore", "--version", folder=tmp_path) == f"simcore {simcore.__version__}\n"
