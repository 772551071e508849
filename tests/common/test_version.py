"""The commit of the sources that are installed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from simcore.common import version


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout in which the module seems to lie."""
    file = tmp_path / "simcore" / "common" / "version.py"
    file.parent.mkdir(parents=True)
    file.write_text("")
    monkeypatch.setattr(version, "__file__", str(file))
    version.commit.cache_clear()
    yield tmp_path
    version.commit.cache_clear()


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_commit_of_a_checkout(sources: Path) -> None:
    git(sources, "init", "-q")
    git(sources, "add", ".")
    git(sources, "commit", "-qm", "one")
    assert version.commit() == git(sources, "rev-parse", "HEAD")
    version.commit.cache_clear()
    Path(version.__file__).write_text("changed")
    assert version.commit() == git(sources, "rev-parse", "HEAD") + "-dirty"


def test_no_commit_without_a_checkout(sources: Path) -> None:
    assert version.commit() is None
    version.commit.cache_clear()
    (sources / ".git").touch()  # damaged
    assert version.commit() is None


def test_not_the_commit_of_somebody_elses_checkout(sources: Path) -> None:
    """As where a virtual environment lies in the folder of another project."""
    git(sources.parent, "init", "-q")
    assert version.commit() is None
