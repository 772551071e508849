"""A run goes on with what may change of its configuration, and nothing of a refusal stays."""

import json
from pathlib import Path
from typing import Any

import pytest

from simcore.acting import Executor
from simcore.agent import Agent
from simcore.cli import main
from simcore.common.distributed import Ranks
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.runs import RunFolder, checkpoints, read_metrics
from simcore.training import training as training_module
from simcore.training.loop import train
from states import assert_same_state
from tinier import tinier, tinier_acting


def start(path: Path, config: Config) -> RunFolder:
    return RunFolder.create(path, config.to_dict())


def recorded(path: Path) -> Config:
    return Config.from_dict(RunFolder.open(path).config)


def newest(path: Path) -> checkpoints.Checkpoint:
    file = checkpoints.latest(path / "checkpoints")
    assert file is not None
    return checkpoints.load(file)


def untimed(path: Path) -> list[dict[str, float]]:
    lines = read_metrics(path / "metrics.jsonl")
    return [{name: v for name, v in line.items() if not name.startswith("seconds/")} for line in lines]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on standard error."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def files(path: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("make", [tinier, tinier_acting])
@pytest.mark.parametrize("first", [4, 5])
def test_a_lengthened_run_ends_bit_for_bit_as_one_of_that_length(tmp_path: Path, make: Any, first: int) -> None:
    whole = start(tmp_path / "whole", make(learning__updates=8))
    assert train(make(learning__updates=8), whole)

    run = start(tmp_path / "run", make(learning__updates=first))
    assert train(make(learning__updates=first), run)
    main(["train", "--resume", str(run.path), "--learning.updates", "8"])
    assert newest(run.path).update == 8
    assert_same_state(newest(run.path).state, newest(whole.path).state)
    assert recorded(run.path) == recorded(whole.path)
    # Its old end has a line of its own; where that lies between two others, the next one begins there.
    alike = [line for line in untimed(run.path) if first == 4 or line["update"] not in (5, 6)]
    assert_same_state(alike, [line for line in untimed(whole.path) if first == 4 or line["update"] != 6])
    line = {"update": first, "changed": {"learning.updates": [first, 8]}}
    assert json.loads((run.path / "changes.jsonl").read_text()) == line


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tinier(learning__updates=4)
    folder = start(tmp_path_factory.mktemp("done") / "run", config)
    train(config, folder)
    return folder.path


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--seed", "1"], "has seed = 0, not 1; where a run goes on there may change: learning.updates, device, "),
        (
            ["--frame-model", "none", "--policy", "agent"],
            "frame_model = convdraw, not none; policy = walker, not agent",
        ),
        (["--preset", "small"], "has preset = tiny, not small; "),
        (["--precision", "bf16"], "has precision = fp32, not bf16; "),
        (["--acting.actors", "2"], "has acting.actors = 1, not 2; "),
        (["--learning.updates", "9", "--learning.learning-rate", "1"], "has learning.learning_rate = 0.001, not 1.0; "),
        (["--learning.updates", "3"], "has done 4 updates, and learning.updates is 3; ask for 4 or more"),
        (["--learning.updates", "0"], "learning.updates must be a whole number from 1 to 1000000000000, not 0"),
        (["--learning.updates", "many"], "must be a whole number, not 'many'"),
        (["--learning.updatse", "9"], "--learning.updatse"),
        (["--learning.updates", "9", "--graph", "--device", "cpu"], "--graph records an update on a GPU"),
        (["--learning.updates", "9", "--device", "tpu"], "there is no device 'tpu' here"),
        (["--run", "other"], "--run names the folder of a new run, and --resume that of an old one"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_the_run_as_it_was(
    done: Path, flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(done)
    assert complaint in refused(["train", "--resume", str(done), *flags], capsys)
    assert files(done) == before


def test_a_run_in_use_keeps_its_configuration(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(done)
    with RunFolder.open(done).lock():
        refused(["train", "--resume", str(done), "--learning.updates", "9"], capsys)
    assert files(done) == before


def test_the_first_command_with_another_length_names_the_way(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = RunFolder.open(done)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simcore.commands.train.preset", lambda name, level: Config.from_dict(folder.config))
        line = refused(["train", "--run", str(done), "--learning.updates", "9", "--graph", "--no-compile"], capsys)
        assert "--graph records an update on a GPU" in line
        line = refused(["train", "--run", str(done), "--learning.updates", "9", "--threads", "2"], capsys)
    assert f"{done} holds a run with threads = 1, not 2; learning.updates = 4, not 9; " in line
    assert f"simcore train --resume {done} --threads 2 --learning.updates 9; or name a new folder by --run" in line


def test_help_offers_the_runs_own_values(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train", "--resume", str(done), "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    position = shown.index("--agent.hidden-size")
    assert "(default: 16)" in shown[position : position + 300]


def test_what_is_recorded_and_who_acts_may_change(tmp_path: Path) -> None:
    """From actors in turn to threads, whose worlds begin anew, and back."""
    config = tinier_acting(learning__updates=2)
    folder = start(tmp_path / "run", config)
    assert train(config, folder)
    command = ["train", "--resume", str(folder.path), "--learning.updates"]
    main([*command, "4", "--executor", "threads", "--acting.queue", "1", "--record.metrics-every", "1"])
    assert recorded(folder.path).executor == "threads"
    main([*command, "6", "--executor", "serial", "--record.checkpoints", "1"])
    assert recorded(folder.path).executor == "serial"
    assert [line["update"] for line in read_metrics(folder.metrics)] == [2, 3, 4, 5, 6]
    assert [file.name for file in folder.checkpoints.iterdir()] == ["update_00000006.pt"]
    changes = [json.loads(line) for line in (folder.path / "changes.jsonl").read_text().splitlines()]
    assert [change["update"] for change in changes] == [2, 4]
    assert changes[1]["changed"]["executor"] == ["threads", "serial"]


def test_worlds_that_begin_anew_are_not_those_of_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    make = training_module.make_executor

    def noting(config: Config, agent: Agent, at: int, ranks: Ranks) -> Executor:
        begun.append(at)
        return make(config, agent, at, ranks)

    monkeypatch.setattr(training_module, "make_executor", noting)
    folder = start(tmp_path / "run", tinier_acting(learning__updates=2, executor="threads"))
    for updates, executor in ((2, "threads"), (3, "serial"), (4, "serial"), (5, "threads")):
        train(tinier_acting(learning__updates=updates, executor=executor), RunFolder.open(folder.path))
    assert begun == [0, 2, 0, 4]


def test_a_change_that_cannot_be_written_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tinier(learning__updates=2)
    folder = start(tmp_path / "run", config)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("simcore.runs.folder.write_atomically", full)
    with pytest.raises(UserError, match=f"cannot write in {folder.path}: No space left on device"):
        train(tinier(learning__updates=3), folder)
    assert recorded(folder.path) == config
