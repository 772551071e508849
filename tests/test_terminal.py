"""What is printed: in every encoding, with every name, in one line."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simcore.cli import main
from simcore.common.devices import choose_device
from simcore.common.errors import UserError
from simcore.common.terminal import in_one_line, shell_word, show_every_letter
from tinier import tinier
from trained import trained_run

NAMES = ("sp ace 'q\" 100%s", "[bold]x :smile:", "$x_$ κ")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_run(tmp_path_factory.mktemp("runs") / "run", tinier(learning__updates=2)).path


def test_letters_that_a_stream_cannot_encode_are_shown_in_another_form() -> None:
    show_every_letter()
    assert "κ ± 2 σ²: │─┌ é \udcff".encode("ascii", "simcore.plain") == b"kappa +- 2 sigma2: |-+ \\xe9 \\udcff"


def test_a_message_is_one_line() -> None:
    assert in_one_line("a\nb\x1b[0m\tκ é\u2028") == "a\\nb\\x1b[0m\\tκ é\\u2028"


def test_a_path_can_be_copied_from_a_suggested_command() -> None:
    assert [shell_word(path) for path in ("runs/a", "a b", "-x", "$x")] == ["runs/a", "'a b'", "./-x", "'$x'"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("arguments", [["train", "--help"], ["figure", "9"], ["probe", "κ/λ"]])
def test_no_encoding_ends_a_command(arguments: list[str], encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.TextIOWrapper(written, encoding=encoding, write_through=True))
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == (0 if "--help" in arguments else 2)
    assert written.getvalue().isascii() or encoding != "ascii"
    monkeypatch.undo()  # before a stream is closed that pytest still writes to


def test_the_c_locale_ends_no_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simcore", "figure", "9"]
    settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = subprocess.run(command, env=os.environ | settings, cwd=tmp_path, capture_output=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"simcore: figure 9 wants runs that differ in kappa")


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_any_name_is_shown_by_it(
    name: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed = tmp_path / f"{name}x"
    trained.rename(renamed)
    try:
        main(["probe", str(renamed), "--worlds", "2", "--online", "--out", str(tmp_path / "out" / name)])
        assert f"{name}x after 2 updates: online probes" in capsys.readouterr().out
    finally:
        renamed.rename(trained)
    assert (tmp_path / "out" / name / "probe-online.png").exists()


@pytest.mark.parametrize(
    "arguments", [["train", "--run"], ["train", "--resume"], ["probe"], ["figure", "11"], ["sweep"]]
)
def test_a_name_of_300_letters_is_one_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "x" * 300])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["meta", "xla", "cuda:99", "cuda:-1", "", "cpu:7", "mkldnn", "x" * 2000, "a\nb"])
def test_a_device_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="there is no device") as refused:
        choose_device(name)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200


def test_too_little_memory_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    errors = (MemoryError(), RuntimeError("CUDA out of memory.\nTried to"), RuntimeError("x can't allocate memory: y"))
    for error in errors:

        def fail(self: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("simcore.commands.Sweep.execute", fail)
        with pytest.raises(SystemExit) as stop:
            main(["sweep", "x.toml"])
        assert stop.value.code == 2
        assert capsys.readouterr().err.startswith("simcore: there is too little memory (")
