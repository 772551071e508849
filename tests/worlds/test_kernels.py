import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np
import pytest

from simcore.common import caches
from simcore.worlds.voxel import kernel_cache, kernels
from simcore.worlds.voxel.rng import fork, next_bits, random_between


@pytest.fixture
def anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Look for the cache's folder anew, where neither sources nor home can be written."""
    monkeypatch.setattr(kernel_cache, "__file__", "/dev/null/kernel_cache.py")
    monkeypatch.setattr(kernel_cache, "fingerprint", lambda: "0" * 64)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kernel_cache.find_folder.cache_clear()
    yield tmp_path
    kernel_cache.find_folder.cache_clear()


def compiled(name: str = "doubled") -> list[str]:
    """Compile and run a kernel, and return the names of the files that it left in the cache's folder."""
    folder = kernel_cache.find_folder()
    assert kernels.kernel(doubled)(21) == 42
    return [] if folder is None else sorted(file.suffix for file in folder.rglob(f"*{name}*"))


def doubled(number: int) -> int:
    return 2 * number


def test_the_cache_is_in_a_temporary_folder_if_neither_sources_nor_home_can_be_written(anew: Path) -> None:
    assert compiled() == [".nbc", ".nbi"]
    folder = kernel_cache.find_folder()
    assert folder is not None
    assert anew in folder.parents
    assert numba.config.CACHE_DIR == "", "what others compile is kept elsewhere"


def test_the_users_folder_comes_first(anew: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(anew / "given"))
    assert compiled() == [".nbc", ".nbi"]
    assert (anew / "given") in (kernel_cache.find_folder() or anew).parents


@pytest.mark.parametrize("why", ["read-only", "full"])
def test_kernels_are_compiled_in_memory_if_nothing_can_be_written(
    why: str, anew: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(dir: Path) -> None:
        raise OSError(28, "No space left on device")

    if why == "full":
        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    else:
        monkeypatch.setattr(caches, "make_private", lambda folder: False)
    with caplog.at_level(logging.WARNING):
        assert compiled() == []
    assert ["set NUMBA_CACHE_DIR" in record.getMessage() for record in caplog.records] == [True]


def test_a_kernel_without_a_file_is_compiled_in_memory() -> None:
    names: dict[str, object] = {}
    exec("def halved(number): return number / 2", names)  # as at a prompt
    assert kernels.kernel(names["halved"])(42) == 21


def test_an_edit_of_any_source_outdates_the_compiled_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "levels").mkdir()
    edited = tmp_path / "levels" / "one.py"
    edited.write_text("a = 1")
    monkeypatch.setattr(kernel_cache, "__file__", str(tmp_path / "kernel_cache.py"))
    folders = set()
    for text in ("a = 1", "a = 2"):
        edited.write_text(text)
        kernel_cache.fingerprint.cache_clear()
        kernel_cache.find_folder.cache_clear()
        folders.add(kernel_cache.find_folder())
    kernel_cache.fingerprint.cache_clear()
    kernel_cache.find_folder.cache_clear()
    assert len(folders) == 2


def test_caches_of_old_sources_do_not_fill_the_disk(anew: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        monkeypatch.setattr(kernel_cache, "fingerprint", lambda number=number: f"{number:064}"[::-1])
        kernel_cache.find_folder.cache_clear()
        folder = kernel_cache.find_folder()
    assert folder is not None
    assert len(list(folder.parent.glob("numba-*"))) == kernel_cache.KEPT + 1


def test_rng_is_splitmix64():
    rng = np.array([1234567], np.uint64)
    # The first numbers of the reference implementation for this seed.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [int(next_bits(rng)) for _ in range(4)] == expected


def test_random_between_is_even_and_within_its_limits():
    rng = np.array([5], np.uint64)
    counts = np.bincount([random_between(rng, 2, 6) for _ in range(5000)], minlength=7)
    assert counts[:2].sum() == 0
    assert (np.abs(counts[2:] - 1000) < 150).all()


def test_forks_differ():
    seeds = {int(fork(np.uint64(seed), index)) for seed in range(20) for index in range(20)}
    assert len(seeds) == 400
