"""Folders for what libraries keep: nobody else's, and found without a home."""

import os
import tempfile
from pathlib import Path

import pytest

from simcore.common.caches import make_private, private_folders, settle_libraries
from simcore.common.errors import UserError


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave the user without a home, and with this folder for temporary files, which all can write."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    folder.chmod(0o1777)
    for variable in ("XDG_CACHE_HOME", "MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_private_folder_is_the_users_alone_and_the_same_for_all_his_processes(temporary: Path) -> None:
    (folder,) = private_folders()
    assert folder.parent == temporary
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(private_folders()) == [folder]


def test_what_others_could_write_or_replace_is_not_private(temporary: Path) -> None:
    mine = temporary / "mine"
    assert make_private(mine)
    (temporary / "link").symlink_to(mine)
    (temporary / "file").touch()
    assert not make_private(temporary / "link")
    assert not make_private(temporary / "file")
    mine.chmod(0o777)
    assert not make_private(mine)
    mine.chmod(0o700)
    temporary.chmod(0o777)  # without the sticky bit all can rename what is in it
    assert not make_private(mine)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_is_not_private(temporary: Path) -> None:
    planted = temporary / f"simcore-{os.getuid()}"
    planted.mkdir(mode=0o700)
    os.chown(planted, 65534, 65534)
    assert not list(private_folders())


def test_libraries_find_a_folder_without_a_home(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: {}["nobody"])
    settle_libraries()
    for variable in ("MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR"):
        assert temporary in Path(os.environ.pop(variable)).parents
    monkeypatch.setenv("MPLCONFIGDIR", "own")
    settle_libraries()
    assert os.environ["MPLCONFIGDIR"] == "own"


def test_no_folder_for_temporary_files_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    with pytest.raises(UserError, match="set TMPDIR to one that can be written"):
        settle_libraries()
