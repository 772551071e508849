"""What a run is resumed from: a checkpoint of its own, of whatever device, and nothing else."""

import copy
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from simcore.analysis.loading import load
from simcore.cli import main
from simcore.common.archive import read_archive, write_archive
from simcore.common.errors import UserError
from simcore.common.seeding import Generators, restore
from simcore.config.run import Config
from simcore.runs import RunFolder, checkpoints
from simcore.training.loop import train
from simcore.training.training import Training
from tinier import changed, tinier, tinier_acting
from trained import trained_run

CPU_STATE, GPU_STATE = 5056, 16
"""Bytes of a generator's state."""
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that was stopped between two lines of metrics."""
    config = tinier(learning__updates=3, record__metrics_every=2)
    folder = trained_run(tmp_path_factory.mktemp("runs") / "city", config)
    config = changed(config, learning__updates=4)
    (folder.path / "config.json").write_text(json.dumps(config.to_dict()))
    return RunFolder.open(folder.path)


@pytest.fixture(scope="module")
def food(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run whose agent acts."""
    return trained_run(tmp_path_factory.mktemp("runs") / "food", tinier_acting(learning__updates=2))


def copied(run: RunFolder, to: Path) -> RunFolder:
    shutil.copytree(run.path, to)
    return RunFolder.open(to)


def newest(folder: RunFolder) -> Path:
    path = checkpoints.latest(folder.checkpoints)
    assert path is not None
    return path


def edit(folder: RunFolder, change: Edit) -> None:
    content = copy.deepcopy(read_archive(newest(folder)))
    change(content["state"])
    write_archive(newest(folder), content)


def as_on_a_gpu(state: dict[str, Any]) -> None:
    """Make a state what it would be on a GPU, as far as a CPU reads it."""
    states = [(generators, "device") for generators in state["learner"]["generators"].values()]
    states += [
        (actor["policy"], "generator") for actor in state["executor"]["actors"] if "generator" in actor["policy"]
    ]
    for number, (holder, name) in enumerate(states):
        assert len(holder[name]) == CPU_STATE
        holder[name] = torch.arange(number, number + GPU_STATE, dtype=torch.uint8)
    for group in state["learner"]["optimizer"]["param_groups"]:  # as with --graph
        group |= {"capturable": True, "lr": torch.tensor(group["lr"])}


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on standard error."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_a_generator_of_another_kind_of_device_is_seeded_from_the_state() -> None:
    states = [torch.arange(i, i + GPU_STATE, dtype=torch.uint8) for i in (0, 0, 1)]
    drawn = []
    for state in states:
        generator = torch.Generator().manual_seed(5)
        assert not restore(generator, state)
        drawn.append(torch.rand(4, generator=generator).tolist())
    assert drawn[0] == drawn[1] != drawn[2]

    generators = Generators.seeded(0, "a test", torch.device("cpu"))
    saved = generators.state_dict()
    expected = torch.rand(4, generator=generators.device)
    assert generators.load_state_dict(saved)
    assert torch.equal(torch.rand(4, generator=generators.device), expected)


@pytest.mark.parametrize("kind", ["city", "food"])
def test_a_run_goes_on_without_the_gpu_that_it_began_on(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    kind: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = copied(request.getfixturevalue(kind), tmp_path / "run")
    edit(run, as_on_a_gpu)
    on_gpu = run.config | {"device": "cuda", "graph": True}
    (run.path / "config.json").write_text(json.dumps(on_gpu))
    resume = ["train", "--resume", str(run.path), "--learning.updates", "5"]
    line = refused(resume, capsys)
    assert line == "simcore: there is no device 'cuda' here; name another, as --device auto or --device cpu"
    assert "say --no-graph" in refused([*resume, "--device", "cpu"], capsys)

    looked = load(run.path)  # what only looks at it needs neither
    assert looked.device.type == "cpu"
    assert looked.observe(looked.collect("a test", 1, 3)).isfinite().all()
    main([*resume, "--device", "cpu", "--no-graph"])
    (note,) = [record.getMessage() for record in caplog.records if record.name.startswith("simcore")]
    assert note.startswith("this run was on another kind of device than cpu: it goes on with the same weights")
    assert checkpoints.load(newest(run)).update == 5
    assert RunFolder.open(run.path).config["device"] == "cpu"


def test_a_run_that_has_moved_and_whose_preset_is_gone_goes_on(tmp_path: Path) -> None:
    folder = trained_run(tmp_path / "here", tinier(learning__updates=2, preset="/gone/mine.toml"))
    folder.path.rename(tmp_path / "there")
    main(["train", "--resume", str(tmp_path / "there"), "--learning.updates", "3"])
    assert load(tmp_path / "there").update == 3


def set_to(value: Any, *keys: Any) -> Edit:
    def change(state: dict[str, Any]) -> None:
        for key in keys[:-1]:
            state = state[key]
        state[keys[-1]] = value

    return change


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth else []


EDITS: dict[str, tuple[Edit, str]] = {
    "updates is text": (set_to("3", "updates"), "updates is '3', and the file is of update 3"),
    "updates is negative": (set_to(-3, "updates"), "updates is -3"),
    "updates is a fraction": (set_to(2.5, "updates"), "updates is 2.5"),
    "updates is another": (set_to(2, "updates"), "updates is 2,"),
    "the learner's is another": (set_to(2, "learner", "updates"), "learner.updates is 2, and the file is of update 3"),
    "no updates": (lambda state: state.pop("updates"), "KeyError: 'updates'"),
    "no learner": (lambda state: state.pop("learner"), "KeyError: 'learner'"),
    "no weights": (lambda state: state["learner"].pop("system"), "KeyError: 'system'"),
    "a weight is missing": (
        lambda state: state["learner"]["system"].pop("agent.encoder.linear.bias"),
        "agent.encoder.linear.bias",
    ),
    "a weight has another shape": (
        set_to(torch.zeros(3), "learner", "system", "agent.encoder.linear.bias"),
        r"its weight agent.encoder.linear.bias is \[3\], not \[8\]",
    ),
    "a weight is NaN": (
        lambda state: state["learner"]["system"]["agent.encoder.linear.bias"].fill_(torch.nan),
        "agent.encoder.linear.bias is not finite",
    ),
    "a moment is infinite": (
        lambda state: state["learner"]["optimizer"]["state"][0]["exp_avg_sq"].fill_(torch.inf),
        "exp_avg_sq of .* is not finite",
    ),
    "a moment has another shape": (
        set_to(torch.zeros(3), "learner", "optimizer", "state", 0, "exp_avg"),
        "the optimiser's state of .* has other shapes",
    ),
    "the generators are none": (set_to(None, "learner", "generators"), "TypeError"),
    "the turn is text": (set_to("0", "executor", "turn"), "the turn is '0', of 1 actors"),
    "an actor made more": (set_to(7, "executor", "actors", 0, "made"), r"actors have made \[7\] trajectories"),
    "a frame has another shape": (
        set_to(torch.zeros(3), "executor", "actors", 0, "present", "frames"),
        "present.frames is torch.float32",
    ),
    "the state of the core is text": (set_to({0: ("x", "y", ())}, "core_states"), "a part of the state is x, not"),
    "the ledger is nested": (set_to(nested(300), "ledger"), "TypeError"),
    "the lags are text": (set_to(["x"], "statistics", "lags"), "the statistics' counts"),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_is_not_this_runs_state_is_refused_in_one_line(
    city: RunFolder, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change, complaint = EDITS[name]
    run = copied(city, tmp_path / "run")
    edit(run, change)
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    line = refused(["train", "--resume", str(run.path)], capsys)
    assert line.startswith(f"simcore: {newest(run)} does not fit its run (")
    assert re.search(complaint, line), line
    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("name", ["no weights", "a weight has another shape", "a weight is NaN"])
def test_nor_is_it_looked_into(city: RunFolder, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = copied(city, tmp_path / "run")
    edit(run, EDITS[name][0])
    line = refused(["rollout", str(run.path)], capsys)
    assert line.startswith(f"simcore: {newest(run)} does not fit its run (")


OTHERS = {
    "seed = 1, not 0": {"seed": 1},
    "agent.hidden_size = 20, not 16": {"agent__hidden_size": 20},
    "core = slots, not lstm": {"core": "slots"},
}


@pytest.mark.parametrize("difference", OTHERS)
def test_a_checkpoint_of_another_run_is_refused_by_what_differs(
    city: RunFolder, tmp_path: Path, difference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = trained_run(tmp_path / "other", tinier(learning__updates=3, **OTHERS[difference]))
    run = copied(city, tmp_path / "run")
    shutil.copy(newest(other), run.checkpoints)
    expected = f"{newest(run)} is of a run with {difference} as in its config.json; put back the one that was changed"
    for command in (["train", "--resume"], ["export"], ["rollout"]):
        assert refused([*command, str(run.path)], capsys) == f"simcore: {expected}"
    with pytest.raises(UserError, match="is of a run with"):
        load(run.path)


def test_a_checkpoint_that_does_not_name_its_run_is_taken(city: RunFolder, tmp_path: Path) -> None:
    """Those of early versions do not."""
    run = copied(city, tmp_path / "run")
    edit(run, lambda state: state.pop("config"))
    main(["train", "--resume", str(run.path)])
    assert load(run.path).update == 4


def test_a_changed_byte_of_a_weight_is_refused_and_the_older_checkpoint_named(
    city: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(city, tmp_path / "run")
    file = newest(run)
    bias = read_archive(file)["state"]["learner"]["system"]["agent.encoder.linear.bias"].numpy().tobytes()
    whole = file.read_bytes()
    place = whole.index(bias) + 5
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    for command in (["train", "--resume"], ["export"], ["rollout"]):
        line = refused([*command, str(run.path)], capsys)
        assert line == (
            f"simcore: {file} is damaged or not a checkpoint of SimCore; delete it: update_00000002.pt is then used"
        )
    file.unlink()
    main(["train", "--resume", str(run.path)])
    assert load(run.path).update == 4


def test_a_change_is_recorded_once_the_run_has_gone_on_with_it(
    city: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied(city, tmp_path / "run")
    config = changed(Config.from_dict(run.config), record__checkpoint_every=1)

    def fail(*arguments: object) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr("simcore.learning.learner.Learner.step", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            train(config, run)
    assert RunFolder.open(run.path).config == run.config
    assert train(config, run)
    assert RunFolder.open(run.path).config["record"]["checkpoint_every"] == 1


def test_frames_are_those_of_all_processes_that_there_were(caplog: pytest.LogCaptureFixture) -> None:
    training = Training(tinier(), torch.device("cpu"))
    training.update()
    state = training.state_dict() | {"ranks": 2, "frames": 42}
    training.load_state_dict(state)
    assert "trained by 2 processes, and goes on with 1" in caplog.text
    training.update()
    assert training.frames == 42 + 21


def test_a_run_without_its_checkpoints_says_that_it_begins_anew(
    city: RunFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(city.path, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    assert train(Config.from_dict(city.config), RunFolder.open(tmp_path / "run"))
    assert "has no checkpoint, so it begins anew; earlier metrics stay in metrics.ahead.jsonl" in caplog.text


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_a_checkpoint_holds_beliefs_only_of_worlds_that_it_holds(executor: str) -> None:
    training = Training(tinier(executor=executor), torch.device("cpu"))
    with training.executor:
        training.update()
        state = training.state_dict()
    assert bool(state["core_states"]) == bool(state["executor"]) == (executor == "serial")


def test_episodes_since_the_last_line_are_the_first_ranks_alone() -> None:
    training = Training(tinier_acting(world__episode_length=5), torch.device("cpu"))
    training.update()
    state = copy.deepcopy(training.state_dict())
    assert state["statistics"]["episodes"]
    for rank in range(2):
        other = Training(training.config, torch.device("cpu"))
        other.ranks = replace(other.ranks, rank=rank)
        other.load_state_dict(copy.deepcopy(state))
        assert bool(other.statistics.state_dict()["episodes"]) == (rank == 0)


@pytest.mark.parametrize("core", ["slots", "kanerva"])
def test_beliefs_with_a_memory_go_on_in_an_agent_that_acts(core: str) -> None:
    config = tinier_acting(core=core)
    first, second = (Training(config, torch.device("cpu")) for _ in range(2))
    first.update()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for training in (first, second):
        training.update()
    weights = second.system.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in first.system.state_dict().items())
