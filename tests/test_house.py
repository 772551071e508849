"""The house: imports go down only, in no circle, and a room pulls in no more than it needs."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import simcore

PACKAGE = Path(simcore.__file__).parent
FLOORS = (
    ("common",),
    ("worlds", "pictures"),
    ("data", "pretrained"),
    ("networks", "runs"),
    ("memory", "frame_models"),
    ("agent", "simulation", "probes"),
    ("objectives", "stepper", "belief"),
    ("system", "session", "acting"),
    ("learning",),
    ("config",),
    ("build",),
    ("analysis",),
    ("training", "cost"),
    ("api", "figures", "testing", "viewer"),
    ("sweeps",),
    ("commands",),
    ("cli",),
)
"""The rooms from the ground up; one may import from any floor below its own."""
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
ROOF = ("simcore", "__main__")
"""The package itself, whose names are of all rooms and imported when they are asked for."""


def modules() -> dict[str, Path]:
    """Return the files by the dotted names of their modules."""
    named = {}
    for path in PACKAGE.rglob("*.py"):
        parts = ("simcore", *path.relative_to(PACKAGE).with_suffix("").parts)
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


def imported(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """Yield the modules of SimCore that a file imports, anywhere in it, but for what only a type checker reads."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "simcore":
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in known else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "simcore")


@cache
def arrows() -> dict[str, set[str]]:
    """Return what each module imports."""
    known = modules()
    return {name: set(imported(path, known)) - {name} for name, path in known.items()}


def room(module: str) -> str:
    """Return the room of a module."""
    return (*module.split("."), "simcore")[1]


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the ways that lead from a module back to itself, one for each circle that is met."""
    found, done = [], set()

    def walk(node: str, way: list[str]) -> None:
        if node in way:
            found.append([*way[way.index(node) :], node])
        elif node not in done:
            for other in sorted(graph.get(node, ())):
                walk(other, [*way, node])
            done.add(node)

    for node in sorted(graph):
        walk(node, [])
    return found


def test_every_room_has_its_floor() -> None:
    assert {room(name) for name in modules()} - set(ROOF) == set(FLOOR)


def test_imports_go_down_only() -> None:
    up = [
        f"{module} imports {other}"
        for module, others in arrows().items()
        for other in others
        if room(module) not in ROOF and room(module) != room(other) and FLOOR[room(other)] >= FLOOR[room(module)]
    ]
    assert not up


def test_modules_import_each_other_in_no_circle() -> None:
    assert not circles(arrows())


def test_rooms_import_each_other_in_no_circle() -> None:
    rooms: dict[str, set[str]] = defaultdict(set)
    for module, others in arrows().items():
        rooms[room(module)] |= {room(other) for other in others} - {room(module)}
    assert not circles({name: others for name, others in rooms.items() if name not in ROOF})


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c", "b"]]
    assert not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


@pytest.mark.parametrize(
    ("module", "strangers"),
    [
        ("simcore", ("torch", "numba", "tyro", "matplotlib")),
        ("simcore.worlds.api", ("torch", "numba")),
        ("simcore.worlds", ("torch", "numba")),
        ("simcore.worlds.voxel.env", ("torch",)),
        ("simcore.worlds.gym", ("torch", "numba")),
        ("simcore.objectives", ("numba", "tyro", "matplotlib", "scipy", "rich")),
        ("simcore.memory", ("numba", "tyro", "matplotlib", "scipy", "rich")),
        ("simcore.session", ("numba", "tyro", "matplotlib", "scipy", "rich")),
        ("simcore.pictures", ("torch", "matplotlib")),
        ("simcore.training.loop", ("matplotlib", "tensorboard", "wandb", "PIL")),
        ("simcore.analysis.measuring", ("matplotlib",)),
        ("simcore.pretrained", ("torch", "numba", "tyro", "rich", "scipy", "huggingface_hub")),
        ("simcore.commands.pretrained", ("torch", "numba", "matplotlib", "scipy")),
    ],
)
def test_a_room_pulls_in_no_more_than_it_needs(module: str, strangers: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*(name for name in {strangers!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
