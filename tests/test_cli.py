"""The command line: each verb once, and each kind of bad input as one line with exit code 2."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image

from simcore.cli import main
from simcore.commands import Probe
from simcore.common.errors import UserError
from simcore.probes.config import ProbesConfig
from simcore.runs import RunFolder, checkpoints
from simcore.training.loop import train
from simcore.worlds import RandomCityConfig
from tinier import tinier
from trained import trained_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_run(tmp_path_factory.mktemp("runs") / "run", tinier(learning__updates=2)).path


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on standard error."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    output = capsys.readouterr()
    lines = output.err.strip().splitlines()
    assert len(lines) == 1, output.err
    return lines[0]


FLAGS = [
    *("--threads", "1", "--learning.updates", "2", "--learning.worlds", "2", "--learning.unroll-length", "7"),
    *("--simulation.overshoot", "3", "--simulation.starts", "2", "--world.frame-size", "8"),
    *("--probes.worlds", "8", "--probes.validation-worlds", "2", "--probes.hidden-size", "8"),
    *("--agent.hidden-size", "8", "--agent.embedding-size", "8", "--agent.encoder-channels", "4"),
    *("--convdraw.steps", "2", "--convdraw.state-channels", "4", "--world.episode-length", "6"),
]


ONE_START = ("--learning.worlds", "1", "--simulation.starts", "1")
ONE_FRAME = (*ONE_START, "--simulation.frames", "1")
ONE_STEP = (*ONE_START, "--simulation.overshoot", "1")


def test_train_writes_a_run_and_the_same_command_finds_it_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "RandomCity", "--preset", "tiny", *FLAGS, "--run", str(tmp_path / "run")]
    main(command)
    output = capsys.readouterr().out
    assert f"simcore probe {tmp_path / 'run'}" in output
    assert f"simcore rollout {tmp_path / 'run'}" in output
    folder = RunFolder.open(tmp_path / "run")
    assert folder.config["agent"]["hidden_size"] == 8
    newest = checkpoints.latest(folder.checkpoints)
    assert newest is not None
    written = newest.stat().st_mtime_ns
    main(command)
    assert newest.stat().st_mtime_ns == written
    assert any(folder.tensorboard.iterdir())


def test_probe_writes_table_report_and_figure(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["probe", str(trained), "--worlds", "3"])
    output = capsys.readouterr().out
    for text in (
        "fresh probes of b_t",
        "seen so far",
        "out of sight",
        "heading",
        "untrained agent",
        "present frame",
        "constant",
    ):
        assert text in output
    report = json.loads((trained / "probe.json").read_text())
    assert report["worlds"] == 3
    assert report["left"]["constant"]["map_mse"] == 1.0
    assert set(report["left"]) == {"belief", "online", "untrained", "frame", "constant"}
    assert len(report["by_time"]["belief"]["map_mse"]) == 9
    assert (trained / "course.png").stat().st_size > 10_000
    with Image.open(trained / "probe.png") as figure:
        assert figure.size[0] > 1000


def test_probe_reads_online_or_the_whole_state_when_asked(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["probe", str(trained), "--worlds", "2", "--online"])
    output = capsys.readouterr().out
    assert "online probes of b_t" in output
    assert "untrained" not in output
    assert json.loads((trained / "probe-online.json").read_text())["probes"] == "online probes"
    main(["probe", str(trained), "--worlds", "2", "--of", "state", "--no-controls"])
    assert "fresh probes of the whole state" in capsys.readouterr().out
    assert json.loads((trained / "probe-state.json").read_text())["of"] == "state"
    assert "--of is then hidden" in refused(["probe", str(trained), "--online", "--of", "state"], capsys)


def test_probe_puts_an_oracle_and_map_samples_beside_the_belief(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = {}
    for name, changes in (("run", {"probes__map_convdraw": True}), ("oracle", {"supervised": True})):
        config = tinier(learning__updates=2, **changes)
        runs[name] = RunFolder.create(tmp_path / name, config.to_dict())
        train(config, runs[name])
    main(["probe", str(tmp_path / "run"), "--worlds", "3", "--oracle", str(tmp_path / "oracle")])
    output = capsys.readouterr().out
    for text in ("oracle", "in sight", "Variance of map samples"):
        assert text in output
    report = json.loads((tmp_path / "run" / "probe.json").read_text())
    assert report["overall"].keys() == report["by_time"].keys() == {
        "belief", "online", "untrained", "frame", "constant", "oracle"
    }  # fmt: skip
    assert len(report["map_mse_by_steps_since_seen"]["oracle"]) == 9
    assert report["variance_of_map_samples"]["unseen"] > 0
    for name in ("probe", "maps", "trajectory"):
        with Image.open(tmp_path / "run" / f"{name}.png") as figure:
            assert figure.size[0] > 500
    line = refused(["probe", str(tmp_path / "oracle"), "--oracle", str(tmp_path / "run")], capsys)
    assert "train one with --supervised" in line
    assert "neither --frame-model none nor --supervised" in refused(
        ["rollout", str(tmp_path / "oracle"), "--steps", "4"], capsys
    )


def test_rollout_writes_picture_and_animation(trained: Path) -> None:
    main(["rollout", str(trained), "--worlds", "2", "--context", "5", "--steps", "4"])
    with Image.open(trained / "rollout.png") as picture, Image.open(trained / "rollout.gif") as animation:
        assert picture.size[0] > 500
        assert getattr(animation, "n_frames", 1) == 9


def test_what_tells_frames_apart_is_trained_and_probed_but_has_no_rollout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    main(["train", "RandomCity", "--frame-model", "contrastive", *FLAGS, "--run", run])
    output = capsys.readouterr().out
    assert f"simcore probe {run}" in output
    assert "simcore rollout" not in output
    main(["probe", run, "--worlds", "2"])
    capsys.readouterr()
    assert "cannot make any" in refused(["rollout", run, "--steps", "3"], capsys)
    assert not list(Path(run).glob("rollout*"))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["train", "Nowhere"], "there is no level 'Nowhere'; there are: RandomCity"),
        (["train", "No-Such-v0"], "there is no environment No-Such-v0"),
        (["train", "CartPole-v1"], "is no image"),
        (["train", "Food", "--policy", "walker"], "the walker walks in RandomCity alone"),
        (["train", "--frame-model", "none"], "there is nothing to learn from"),
        (["train", "--supervised", "--learning.probe-times", "0"], "--supervised wants probes"),
        (["train", "MiniGrid-MemoryS7-v0", "--probes.map-convdraw"], "--probes.map-convdraw wants probes"),
        (["train", "--probes.map-times", "0"], "probes.map_times must be a whole number from 1 to 1048576, not 0"),
        (["train", "Food", "--acting.worlds", "5"], "must be a multiple of acting.worlds, 5"),
        (["train", "Food", "--acting.queue", "0"], "acting.queue must be a whole number from 1 to 65536, not 0"),
        (["train", "Food", "--reinforcement.discount", "2"], "must be a finite number from 0.0 to 1.0, not 2"),
        (["train", "Food", "--reinforcement.c-bar", "2"], "must not be above rho_bar"),
        (["train", "Food", "--learning.probe-times", "-1"], "learning.probe_times must be a whole number from 0 to"),
        (["train", "Food", "--executor", "dask"], "dask"),
        (["train", "--supervised", "--frame-model", "deterministic"], "leave out --frame-model deterministic"),
        (["train", "--core", "lstmm"], "there is no memory 'lstmm'; there are: kanerva, slots, lstm"),
        (["evaluate", "gone", "--seed", "-1"], "--seed must be a whole number from 0"),
        (
            ["sweep", "a.toml", "--dry-run", "--jobs", "0"],
            "--jobs must be a whole number from 1 to 65536 or none, not 0",
        ),
        (["evaluate", "gone"], "there is no run folder gone"),
        (["figure", "curves"], "at least one run"),
        (["figure", "8"], "8"),
        (
            ["train", "--contrastive.negatives", "0"],
            "contrastive.negatives must be a whole number from 1 to 65536, not 0",
        ),
        (["train", "--contrastive.cost", "0"], "contrastive.cost must be a finite number from 1e-37 to 1e+37, not 0"),
        (
            ["train", "--deterministic.weight", "-1"],
            "deterministic.weight must be a finite number from 1e-37 to 1e+37, not -1",
        ),
        (["train", "--frame-model", "psychic"], "psychic"),
        (["train", "--frame-model", "contrastive", *ONE_FRAME], "tells a batch's frames apart, and this batch has one"),
        (["train", "--frame-model", "contrastive", *ONE_STEP], "tells a batch's frames apart, and this batch has one"),
        (["figure", "9"], "figure 9 wants runs that differ in κ, for instance: simcore train RandomCity"),
        (["figure", "12", "gone"], "there is no run folder gone"),
        (["figure", "14"], "simcore train Terrain --preset tiny"),
        (["train", "--preset", "huge"], "there is no preset 'huge'; there are: tiny, small, paper"),
        (["train", "--simulation.overshoot", "40"], "shorter than learning.unroll_length, 40"),
        (
            ["train", "--simulation.overshoot", "38"],
            "an unroll of 40 with an overshoot of 38 has 2",
        ),
        (["train", "--simulation.frames", "0"], "simulation.frames must be a whole number from 1 to 1048576, not 0"),
        (["train", "--world.frame-size", "18"], "must be a multiple of 4"),
        (["train", "--world.size", "3"], "allowed are 5 to 255"),
        (["train", "--world.turn-angle", "50"], "must divide 360"),
        (
            ["train", "--learning.updates", "0"],
            "learning.updates must be a whole number from 1 to 1000000000000, not 0",
        ),
        (["train", "--learning.updates", "many"], "--learning.updates must be a whole number, not 'many'; see simcore"),
        (["train", "--geco.kappa", "small"], "--geco.kappa must be a number, not 'small'; see simcore train --help"),
        (["train", "--learning.update", "5"], "perhaps --learning.updates; see simcore train --help"),
        (["sweep", "x.toml", "--jobs", "x"], "--jobs must be a whole number, not 'x'; see simcore sweep --help"),
        (["trian", "RandomCity"], "there is no command trian; perhaps train; see simcore --help"),
        (["unlike"], "there is no command unlike; see simcore --help"),
        (
            ["train", "--learning.beta1", "1"],
            "learning.beta1 must be a finite number at least 0.0 and less than 1.0, not 1",
        ),
        (["train", "--geco.kappa", "-1"], "geco.kappa must be a finite number from 1e-37"),
        (["train", "--geco.initial", "2000"], "at most geco.maximum, 1000"),
        (["train", "--convdraw.kernel-size", "4"], "must be odd, not 4"),
        (["train", "--convdraw.encoder-channels", "8", "8"], "must be as many, not 2 and 1"),
        (
            ["train", "--agent.encoder-channels", "8", "0"],
            "agent.encoder_channels must be a list, each a whole number from 1 to 65536",
        ),
        (["train", "--device", "tpu"], "there is no device 'tpu' here"),
        (["train", "--seed", "-1"], "seed must be a whole number from 0"),
        (["train", "--nonsense", "1"], "--nonsense"),
        (["sweep", "a.toml", "--reuse", "b", "--reuse", "c"], "--reuse is given twice; it takes all its values at"),
        (
            ["train", "--agent.encoder-channels", "8", "8", "--agent.encoder-channels=4", "4"],
            "--agent.encoder-channels is given twice",
        ),
        (["train", "--resume", "gone"], "there is no run folder gone"),
        (["train", "--resume", "gone", "--seed", "1"], "there is no run folder gone"),
        (["train", "--resume"], "--resume"),
        (["train", "--preset"], "--preset"),
        (["probe", "gone"], "there is no run folder gone"),
        (["rollout", "gone"], "there is no run folder gone"),
        (["dance"], "dance"),
        ([], "train, probe, rollout"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    what: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert what in refused(arguments, capsys)
    leftover = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert leftover == []


def test_another_configuration_in_the_same_folder_is_refused(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (trained / "config.json").read_bytes()
    line = refused(["train", "--run", str(trained)], capsys)
    assert f"{trained} holds a run with core = lstm, not slots; " in line
    assert "more; go on with it by: simcore train --resume" in line
    assert (trained / "config.json").read_bytes() == before


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert "is no run" in refused(["probe", str(tmp_path)], capsys)
    assert "is not empty" in refused(["train", "--run", str(tmp_path)], capsys)


def test_a_run_without_a_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    RunFolder.create(tmp_path / "run", tinier().to_dict())
    assert "has no checkpoint yet" in refused(["probe", str(tmp_path / "run")], capsys)


def test_a_configuration_of_another_version_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    RunFolder.create(tmp_path / "run", tinier().to_dict() | {"colour": "red"})
    assert "colour" in refused(["probe", str(tmp_path / "run")], capsys)


def test_a_truncated_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tinier(learning__updates=4)
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    train(config, folder)
    newest = checkpoints.latest(folder.checkpoints)
    assert newest is not None
    newest.write_bytes(newest.read_bytes()[:1000])
    for arguments in (["probe", str(folder.path)], ["train", "--resume", str(folder.path)]):
        line = refused(arguments, capsys)
        assert newest.name in line
        assert "update_00000002.pt" in line, "the one before it is named"


def test_a_run_in_use_is_refused(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunFolder.open(trained).lock():
        assert str(trained) in refused(["train", "--resume", str(trained)], capsys)


def test_rollouts_that_do_not_fit_are_refused(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["rollout", str(trained), "--context", "8", "--steps", "4"], capsys)
    assert "at most an episode's 9 frames" in line


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["train", "--help"], ["probe", "--help"], ["rollout", "--help"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        assert "usage: simcore" in capsys.readouterr().out


def test_help_breaks_no_line_where_the_source_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["probe", "random-city", "--help"])
    capsys.readouterr()
    told = {
        field.name: field.metadata["help"] for kind in (Probe, ProbesConfig, RandomCityConfig) for field in fields(kind)
    }
    assert told["map_convdraw"].endswith("its samples differ where the belief is unsure.")
    assert told["frame_size"] == "Side of the square frames in pixels."
    assert not [name for name, text in told.items() if "\n" in text or "  " in text]


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "simcore.cli", "train", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as complaint:
        assert complaint.read() == b""
    assert process.wait() == 1


def test_errors_of_the_program_are_not_hidden(monkeypatch: pytest.MonkeyPatch, trained: Path) -> None:
    def broken(self: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("simcore.commands.Probe.execute", broken)
    with pytest.raises(ValueError, match="a bug"):
        main(["probe", str(trained)])
    assert not issubclass(UserError, ValueError)
