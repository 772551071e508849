"""What `import simcore` offers, what it costs, and which libraries who does not need."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

import simcore
from simcore.__main__ import main
from simcore.analysis.loaded_run import LoadedRun
from simcore.worlds import LEVELS
from simcore.worlds.registration import NAMES
from tinier import tinier, tinier_acting

SLOW = ("torch", "numba", "tyro", "rich", "tensorboard", "matplotlib", "scipy", "PIL", "cattrs", "ray", "wandb")
"""Libraries that `import simcore` leaves to whoever asks for a name that needs them."""
EXTRAS = ("tyro", "rich", "tensorboard", "matplotlib", "scipy", "PIL", "ray", "wandb")
"""Libraries that belong to an extra."""


def python(code: str, *arguments: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run code in a new process, in which some libraries are not to be found."""
    hidden = f"import sys; sys.modules.update(dict.fromkeys({without!r}))\n"
    command = [sys.executable, "-W", "error", "-c", hidden + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def imported(code: str, names: tuple[str, ...]) -> set[str]:
    """Return which of the modules are imported by code."""
    done = python(f"{code}\nimport sys\nprint(*(name for name in {names!r} if name in sys.modules))")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_it_is_quick() -> None:
    assert imported("import simcore; dir(simcore)", SLOW) == set()


def test_every_public_name_is_there() -> None:
    assert set(simcore.__all__) == set(dir(simcore))
    for name in simcore.__all__:
        assert getattr(simcore, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = simcore.nothing  # type: ignore[attr-defined]


def test_level_configs_have_the_levels_names() -> None:
    assert tuple(LEVELS) == NAMES
    for name, level in LEVELS.items():
        assert getattr(simcore, name) is level.config


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert simcore.__version__ == version("simcore")
    main(["--version"])
    assert capsys.readouterr().out == f"simcore {simcore.__version__}\n"


def test_the_version_to_cite_is_that_of_the_sources() -> None:
    root = Path(__file__).parents[1]
    stated = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert f"version: {stated}" in (root / "CITATION.cff").read_text().splitlines()


def test_sources_that_are_not_installed_have_no_version() -> None:
    hide = (
        "import importlib.metadata as m\ndef missing(name): raise m.PackageNotFoundError(name)\nm.version = missing\n"
    )
    done = python(f"{hide}import simcore; print(simcore.__version__)")
    assert done.stdout == "unknown\n", done.stderr


MAKE = "env = gymnasium.make({!r}, size=7, frame_size=8); print(env.reset(seed=0)[0].shape)"


@pytest.mark.parametrize(
    ("imports", "name"),
    [
        ("import simcore, gymnasium", "simcore/RandomCity-v0"),
        ("import gymnasium, simcore", "simcore/RandomCity-v0"),
        ("import gymnasium", "simcore:simcore/RandomCity-v0"),
    ],
)
def test_gymnasium_makes_the_levels(imports: str, name: str) -> None:
    done = python(f"{imports}; {MAKE.format(name)}")
    assert done.stdout == "(8, 8, 3)\n", done.stderr


LIBRARY = """
import sys
import tomllib
sys.path.insert(0, sys.argv[1])
import simcore
from tinier import tinier
run = simcore.train(tinier(learning__updates=1, record__pictures_every=1), sys.argv[2])
env, session = run.make_env(), run.session()
belief = session.observe(*env.reset(seed=0))
print(belief.map.shape, session.imagine([0, 1], samples=2).shape)
print(len(simcore.probe(run, 2, controls=False)), simcore.roll_out(run, 1).context)
"""


def test_a_library_is_enough_without_the_extras(tmp_path: Path) -> None:
    done = python(LIBRARY, str(Path(__file__).parent), str(tmp_path / "run"), without=EXTRAS)
    assert done.returncode == 0, done.stderr
    *lines, shapes, numbers = done.stdout.splitlines()
    assert shapes == "(7, 7, 3) (2, 2, 8, 8, 3)"
    assert numbers == "3 4"
    assert lines[-1].startswith("update 1 / 1 (100.0 %)  frames 21")
    assert (tmp_path / "run" / "metrics.jsonl").exists()
    assert not (tmp_path / "run" / "tensorboard").exists()


@pytest.mark.parametrize(("library", "extra"), [("tyro", "cli"), ("rich", "cli"), ("matplotlib", "figures")])
def test_the_command_line_says_which_extra_is_missing(library: str, extra: str) -> None:
    code = "from simcore.__main__ import main; main(['figure', 'curves', '/nowhere'])"
    done = python(code, without=(library,))
    assert done.returncode == 2
    assert done.stderr == f"simcore: this needs {library}, which is not installed: pip install 'simcore[{extra}]'\n"


def test_errors_of_other_libraries_are_not_hidden() -> None:
    done = python("from simcore.__main__ import main; main(['--help'])", without=("numpy",))
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


def test_a_run_is_trained_from_python_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tinier_acting(learning__updates=2)
    run = simcore.train(config, tmp_path / "run", quiet=True)
    assert isinstance(run, LoadedRun)
    assert run.update == 2
    assert capsys.readouterr() == ("", "")
    assert simcore.train(config, tmp_path / "run").update == 2
    with pytest.raises(simcore.UserError, match="run has seed = 0, not 1; where a run goes on there may change"):
        simcore.train(tinier_acting(learning__updates=3, seed=1), tmp_path / "run")
    run = simcore.train(tinier_acting(learning__updates=3), tmp_path / "run")
    assert run.update == 3
    assert "update 3 / 3" in capsys.readouterr().out
    assert simcore.evaluate(run, 3, seed=1).agent == simcore.evaluate(str(tmp_path / "run"), 3, seed=1).agent


def test_an_interrupt_is_one_from_python_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcore.api.train_in", lambda config, folder, shows: False)
    with pytest.raises(KeyboardInterrupt, match="the same call goes on in"):
        simcore.train(tinier(learning__updates=1), tmp_path / "run")


def test_what_looks_into_a_run_takes_its_path(tmp_path: Path) -> None:
    path = tmp_path / "run"
    run = simcore.train(tinier(learning__updates=1), path)
    scores = simcore.probe(path, 2, controls=False)
    assert set(scores) == {"belief", "online", "constant"}
    assert set(simcore.probe(run, 2, online=True)) == {"belief", "constant"}
    (row,) = simcore.compare([path], 2, old=(3,), controls=False).rows
    assert row.known == simcore.compare([run], 2, old=(3,), controls=False).rows[0].known
    assert (simcore.roll_out(path, 1).frames == simcore.roll_out(run, 1).frames).all()


def test_worlds_are_made_by_name() -> None:
    assert simcore.make_worlds("Food", 2, size=7).num_envs == 2
    assert simcore.make_worlds("Terrain", 2, simcore.Terrain(frame_size=8)).reset(seed=0)[0].shape == (2, 8, 8, 3)
    assert simcore.make_worlds("MiniGrid-Empty-5x5-v0", 2, frame_size=8).reset(seed=0)[0].shape == (2, 8, 8, 3)
    with pytest.raises(ValueError, match="unknown level 'Nowhere'"):
        simcore.make_worlds("Nowhere")


def test_packages_are_attributes_without_further_imports() -> None:
    named = ("frame_models.FrameModel", "memory.Memory", "objectives.Objective", "probes.ProbeHead", "testing")
    code = f"import simcore\nfor name in {named!r}: eval(f'simcore.{{name}}')\nassert not hasattr(simcore, 'nothing')"
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_a_program_keeps_its_random_numbers_threads_and_flags(tmp_path: Path) -> None:
    def drawn(*between: Callable[[], object]) -> float:
        torch.manual_seed(7)
        for call in between:
            call()
        return float(torch.rand(()))

    run = tmp_path / "run"
    threads, config = torch.get_num_threads(), tinier(learning__updates=1, threads=1)
    assert drawn() == drawn(lambda: simcore.train(config, run)) == drawn(lambda: simcore.load(run))
    assert torch.get_num_threads() == threads
    assert torch.backends.cudnn.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is False, "of float32, and readable"
    assert repr(simcore.load(run)) == "<LoadedRun of RandomCity, lstm, convdraw, after 1 updates>"
    assert simcore.load(run).observe(simcore.load(run).collect("any", 2, 3)).grad_fn is None
    with pytest.raises(simcore.UserError, match="0 worlds: there must be 1 at least"):
        simcore.probe(run, 0)
    one, same = (simcore.compare(runs, 2, controls=False).to_dict() for runs in (run, [str(run)]))
    assert one == same


def test_a_part_that_a_program_registers_fails_as_a_users(tmp_path: Path) -> None:
    program = (
        "import simcore\nfrom simcore.frame_models import frame_models, ConvDRAW\n"
        "@frame_models.register('broken')\nclass Broken(ConvDRAW):\n"
        "    def loss(self, *given): raise ValueError('boom')\n"
        "from tinier import tinier\n"
        f"try: simcore.train(tinier(frame_model='broken'), {str(tmp_path / 'run')!r})\n"
        "except simcore.UserError as error: print(error)\n"
    )
    (tmp_path / "program.py").write_text(program)
    command, paths = [sys.executable, str(tmp_path / "program.py")], {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, env=os.environ | paths, capture_output=True, text=True, timeout=300, check=False)
    assert "ValueError: boom (" in done.stdout, done.stderr
    assert "program.py:5" in done.stdout
