"""Parts by name and by module."""

from pathlib import Path

import pytest

from simcore.common.errors import UserError
from simcore.common.registry import Registry, make_part


class Base:
    """What all are."""


@pytest.fixture
def parts() -> Registry[type[Base]]:
    registry: Registry[type[Base]] = Registry("thing", Base)

    @registry.register("one")
    class One(Base): ...

    return registry


def test_a_part_is_found_by_its_name(parts: Registry[type[Base]]) -> None:
    assert parts.find("one").__name__ == "One"
    assert list(parts) == ["one"]
    assert "one" in parts


def test_a_part_of_the_current_folder_is_found_by_its_module(
    parts: Registry[type[Base]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    (tmp_path / "things_of_mine.py").write_text("from test_registry import Base\n\nclass Two(Base): ...\n\nCLOCK = 3\n")
    (tmp_path / "things_that_break.py").write_text("1 / 0\n")
    assert parts.find("things_of_mine:Two").__name__ == "Two"
    with pytest.raises(UserError, match="has no Three"):
        parts.find("things_of_mine:Three")
    with pytest.raises(UserError, match="must be of the class Base"):
        parts.find("things_of_mine:CLOCK")
    with pytest.raises(UserError, match="ZeroDivisionError"):
        parts.find("things_that_break:Two")
    with pytest.raises(UserError, match="neither installed nor in"):
        parts.find("things_of_nobody:Two")


def test_an_unknown_name_is_refused_with_those_there_are(parts: Registry[type[Base]]) -> None:
    with pytest.raises(UserError, match="there is no thing 'two'; there are: one, and one of yours as module:Name"):
        parts.find("two")


def test_a_name_is_given_once(parts: Registry[type[Base]]) -> None:
    with pytest.raises(ValueError, match="already"):
        parts.register("one")(Base)
    with pytest.raises(ValueError, match="module:Name"):
        parts.register("a:b")
    with pytest.raises(TypeError, match="it must be of the class Base"):
        parts.register("three")(int)


def test_a_part_is_given_what_it_names() -> None:
    def part(config: int, *, width: int, depth: int = 7) -> tuple[int, int, int]:
        return config, width, depth

    assert make_part(part, "part", 1, width=2, height=3) == (1, 2, 7)
    assert make_part(part, "part", 1, width=2, depth=3) == (1, 2, 3)
    with pytest.raises(UserError, match="wants the argument 'width'; offered are: height"):
        make_part(part, "part", 1, height=3)
