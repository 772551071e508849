"""Somebody else's run, which can be read and not written, and files in a run's folder that are none."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simcore.cli import main
from simcore.runs import RunFolder, checkpoints
from simcore.training.loop import train
from tinier import tinier, tinier_acting


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs")
    for name, config in (("seen", tinier(learning__updates=2)), ("acted", tinier_acting(learning__updates=2))):
        train(config, RunFolder.create(path / name, config.to_dict()))
    return path


@pytest.fixture
def foreign(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The runs' folder, in which nothing can be written; permissions alone would not keep root out."""
    before = listed(runs)
    open_path, make = Path.open, Path.mkdir

    def refuse(path: Path) -> None:
        if path.is_relative_to(runs):
            raise PermissionError(13, os.strerror(13), str(path))

    def open_or_refuse(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if mode[0] in "wax":
            refuse(path)
        return open_path(path, mode, *arguments, **named)

    def make_or_refuse(path: Path, *arguments: Any, **named: Any) -> None:
        if not path.exists():
            refuse(path)
        make(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", open_or_refuse)
    monkeypatch.setattr(Path, "mkdir", make_or_refuse)
    yield runs
    assert listed(runs) == before


def listed(path: Path) -> list[tuple[str, int]]:
    return sorted((str(file), file.stat().st_mtime_ns) for file in path.rglob("*"))


PROBED = ["probe.png", "maps.png", "trajectory.png", "course.png", "probe.json"]
FILES = ("config.json", "metrics.jsonl", "changes.jsonl")
VERBS = {
    "probe": (["seen", "--worlds", "2", "--no-controls"], PROBED, "fresh probes of b_t"),
    "rollout": (["seen", "--worlds", "2", "--context", "5", "--steps", "3"], ["rollout.png", "rollout.gif"], ""),
    "evaluate": (["acted", "--episodes", "2"], ["evaluation-Food.json"], "random policy"),
}


def refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


@pytest.mark.parametrize("verb", VERBS)
def test_results_of_a_foreign_run_go_elsewhere(
    verb: str, foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run, *flags), files, table = VERBS[verb]
    main([verb, str(foreign / run), *flags, "--out", str(tmp_path / "deep" / "out")])
    output = capsys.readouterr().out
    assert table in output
    assert f"Written: {tmp_path / 'deep' / 'out' / files[0]}" in output
    kept = {file.name for file in (tmp_path / "deep" / "out").iterdir()} - {"probes"}
    assert kept == set(files)
    if verb == "probe":
        assert (tmp_path / "deep" / "out" / "probes" / "belief-hidden.pt").exists(), "fresh probes are kept there too"


@pytest.mark.parametrize("verb", VERBS)
def test_a_table_is_printed_also_where_nothing_can_be_written(
    verb: str, foreign: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run, *flags), _, table = VERBS[verb]
    refused([verb, str(foreign / run), *flags])
    output, complaint = capsys.readouterr()
    assert table in output
    assert "Written" not in output
    assert complaint == (
        f"simcore: cannot write the results in {foreign / run}: Permission denied; name another folder by --out\n"
    )


def test_results_are_written_before_they_are_printed(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*tables: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("simcore.commands.evaluate.show_tables", gone)
    with pytest.raises(BrokenPipeError):
        main(["evaluate", str(runs / "acted"), "--episodes", "2", "--out", str(tmp_path)])
    assert (tmp_path / "evaluation-Food.json").exists()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
@pytest.mark.parametrize(
    "name", ["config.json", "metrics.jsonl", "checkpoint", "changes.jsonl", "export", "preset", "sweep"]
)
def test_what_is_no_file_is_one_line_and_keeps_nobody_waiting(
    kind: str, name: str, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(runs / "seen", tmp_path / "run")
    run = RunFolder.open(tmp_path / "run")
    newest = checkpoints.latest(run.checkpoints)
    assert newest is not None
    places = {
        "checkpoint": newest,
        "export": tmp_path / "x.safetensors",
        "preset": tmp_path / "x.toml",
        "sweep": tmp_path / "x.toml",
    }
    file = places.get(name, run.path / name)
    file.unlink(missing_ok=True)
    make: dict[str, Any] = {
        "pipe": os.mkfifo,
        "folder": os.mkdir,
        "device": lambda path: os.symlink("/dev/zero", path),
        "loop": lambda path: os.symlink(path, path),
    }
    make[kind](file)
    commands = {
        "config.json": ["evaluate", str(run.path)],
        "metrics.jsonl": ["train", "--resume", str(run.path), "--learning.updates", "4"],
        "checkpoint": ["probe", str(run.path)],
        "changes.jsonl": ["train", "--resume", str(run.path), "--learning.updates", "4"],
        "export": ["evaluate", str(file)],
        "preset": ["train", "--preset", str(file)],
        "sweep": ["sweep", str(file)],
    }
    refused(commands[name])
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    why = {"pipe": "pipe or a device", "device": "pipe or a device", "folder": "director", "loop": "symbolic links"}
    assert why[kind] in complaint.lower() or "is no run: it has no config.json" in complaint


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda text: text.replace('"seed": 0', '"seed": 0, // the first'), "is damaged"),
        (lambda text: text.replace('"seed": 0,', '"seed": 0,,'), "is damaged"),
        (lambda text: text.replace('"seed": 0', '"seed": 0, "seed": 1'), "names 'seed' twice"),
        (lambda text: text.replace('"seed": 0', '"seed": "0"'), "seed must be a whole number"),
        (lambda text: text.replace('"seed": 0', '"seed": NaN'), "seed must be a whole number"),
        (lambda text: text.replace('"seed": 0', '"seed": ' + "9" * 5000), "is damaged"),
        (lambda text: text.replace('"seed": 0', '"seed": ' + "[" * 100_000 + "]" * 100_000), "nested too deeply"),
        (lambda text: text.replace('"compile": false', '"compile": "false"'), "compile must be true or false"),
        (lambda text: text[:-9], "is damaged"),
        (lambda text: "[]", "holds no JSON object"),
    ],
)  # fmt: skip
def test_an_edited_configuration_is_one_line(
    edit: Any, what: str, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (runs / "seen" / "config.json").read_text()
    edited = edit(text)
    assert edited != text
    (tmp_path / "config.json").write_text(edited)
    refused(["probe", str(tmp_path)])
    complaint = capsys.readouterr().err
    assert what in complaint
    assert complaint.count("\n") == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_configuration_of_another_editor_is_read(encoding: str, runs: Path, tmp_path: Path) -> None:
    text = (runs / "seen" / "config.json").read_text()
    (tmp_path / "config.json").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert RunFolder.open(tmp_path).config == json.loads(text)


def test_toml_of_another_editor_is_read_or_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from simcore.config.presets import preset
    from simcore.sweeps.spec import read_spec

    file = tmp_path / "mine.toml"
    file.write_bytes("[all.agent]\r\nhidden_size = 48\r\n".encode("utf-8-sig"))
    assert preset(str(file)).agent.hidden_size == 48
    file.write_bytes("worlds = 3\r\n".encode("utf-8-sig"))
    assert read_spec(file)[0].worlds == 3
    file.write_bytes("worlds = 3\n".encode("utf-16"))
    for command in (["sweep", str(file)], ["train", "--preset", str(file)]):
        refused(command)
        assert capsys.readouterr().err == f"simcore: {file} is no TOML: it is not in UTF-8\n"
