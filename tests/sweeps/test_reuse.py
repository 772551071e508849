"""Runs that another sweep has finished: taken whole, or not at all."""

import shutil
from pathlib import Path

import pytest
from sweep_file import write_sweep

from simcore.cli import main
from simcore.common.errors import UserError
from simcore.runs import RunFolder, RunInUseError, read_metrics
from simcore.sweeps import Status, SweepFolder, plan_sweep, reuse_runs
from simcore.sweeps.worker import FINISHED, work

ONE = "[grid]\ngeco.kappa = [1e-3]\n"
TWO = "[grid]\ngeco.kappa = [2e-3, 1e-3]\n"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep of three runs, all of them trained in this process."""
    path = tmp_path_factory.mktemp("done")
    plan, data = plan_sweep(write_sweep(path / "one.toml", ONE))
    folder = SweepFolder.prepare(path / "one", data, plan)
    for run in plan.runs:
        assert work(folder.files(run).path, plan.worlds, jobs=1) == FINISHED
    return folder.path


def prepare(path: Path, rest: str, old: str = "", new: str = "") -> SweepFolder:
    """Prepare a sweep, whose file has some words replaced."""
    path.mkdir(exist_ok=True)
    spec = write_sweep(path / "two.toml", rest)
    spec.write_text(spec.read_text().replace(old, new) if old else spec.read_text())
    plan, data = plan_sweep(spec)
    return SweepFolder.prepare(path / "two", data, plan)


def statuses(folder: SweepFolder) -> dict[str, Status]:
    return {run.name: folder.status(run) for run in folder.plan.runs}


def test_what_is_alike_is_taken_and_the_rest_is_run(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = write_sweep(tmp_path / "two.toml", TWO)
    main(["sweep", str(spec), "--out", str(tmp_path / "two"), "--reuse", str(done)])
    said = capsys.readouterr().out.splitlines()
    taken = [line for line in said if "taken from" in line]
    assert [line.partition(":")[0] for line in taken] == [f"tiny-setting1-seed{seed}" for seed in range(3)]
    assert sum("finished, " in line for line in said) == 3
    for seed in range(3):
        theirs, ours = done / f"runs/tiny-setting0-seed{seed}", tmp_path / f"two/runs/tiny-setting1-seed{seed}"
        assert (ours / "scores.json").read_bytes() == (theirs / "scores.json").read_bytes()
        assert (ours / "metrics.jsonl").read_bytes() == (theirs / "metrics.jsonl").read_bytes()
        assert RunFolder.open(ours).config == RunFolder.open(theirs).config
        for name in ("checkpoints", "probes"):
            assert [file.name for file in (ours / name).iterdir()] == [file.name for file in (theirs / name).iterdir()]
        assert len(list(read_metrics(ours / "metrics.jsonl"))) == 3


def test_what_differs_is_not_taken(done: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, ONE, "worlds = 4", "seeds = [3, 4, 5]\nworlds = 4")
    assert not list(reuse_runs(folder, [done]))
    assert set(statuses(folder).values()) == {Status.UNFINISHED}


def test_a_run_that_was_measured_in_other_worlds_is_only_measured_again(done: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, ONE, "worlds = 4", "worlds = 5")
    assert [line.partition(": ")[2].partition(" taken")[0] for line in reuse_runs(folder, [done])] == [
        "6 of its 6 updates"
    ] * 3
    assert set(statuses(folder).values()) == {Status.UNFINISHED}


def test_a_longer_run_goes_on_from_the_shorter_one(done: Path, tmp_path: Path) -> None:
    """Bit for bit as if it had been as long from the start."""
    folder = prepare(tmp_path, ONE, "learning.updates = 6", "learning.updates = 8")
    first, second, _ = folder.plan.runs
    assert work(folder.files(second).path, folder.plan.worlds, jobs=1) == FINISHED
    assert list(reuse_runs(folder, [done])) == [
        f"{run.name}: 6 of its 8 updates taken from {done / 'runs' / run.name}"
        for run in folder.plan.runs
        if run is not second
    ]
    straight = prepare(tmp_path / "straight", ONE, "learning.updates = 6", "learning.updates = 8")
    for sweep in (folder, straight):
        assert work(sweep.files(first).path, sweep.plan.worlds, jobs=1) == FINISHED
    assert folder.scores(first) == straight.scores(first)
    lines = list(read_metrics(folder.files(first).path / "metrics.jsonl"))
    assert [line["update"] for line in lines] == [2, 4, 6, 8]
    assert RunFolder.open(folder.files(first).path).config["learning"]["updates"] == 8


def test_a_run_that_is_as_far_here_goes_on_here(done: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, ONE, "learning.updates = 6", "learning.updates = 8")
    files = folder.files(folder.plan.runs[0])
    (files.path / "checkpoints").mkdir()
    begun = files.path / "checkpoints" / "update_00000006.pt"
    begun.write_bytes(b"of this sweep")
    assert len(list(reuse_runs(folder, [done]))) == 2
    assert begun.read_bytes() == b"of this sweep"


def test_a_longer_run_is_not_cut_short(done: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, ONE, "learning.updates = 6", "learning.updates = 4")
    assert not list(reuse_runs(folder, [done]))


def test_a_run_that_a_process_is_at_is_left_to_it(done: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, ONE)
    busy = folder.plan.runs[1]
    with RunFolder.open(folder.files(busy).path).lock():
        said = list(reuse_runs(folder, [done]))
    assert [": taken from " in line for line in said] == [True, False, True]
    assert f"another process is training in {folder.files(busy).path}" in said[1]
    assert folder.status(busy) is Status.UNFINISHED


def test_a_run_that_is_in_training_there_is_not_taken(done: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, ONE)
    theirs = sorted((done / "runs").iterdir())[0]
    with RunFolder.open(theirs).lock():
        said = list(reuse_runs(folder, [done]))
    assert [": taken from " in line for line in said] == [False, True, True]
    assert f"another process is training in {theirs}" in said[0]
    with RunFolder.open(theirs).undisturbed(), RunFolder.open(theirs).undisturbed():
        with pytest.raises(RunInUseError), RunFolder.open(theirs).lock():
            pass
        assert len(list(reuse_runs(folder, [done]))) == 1, "others may read as well"
    with RunFolder.open(theirs).lock():
        pass


def test_a_run_that_was_begun_here_is_replaced_whole(done: Path, tmp_path: Path) -> None:
    folder = prepare(tmp_path, ONE)
    files = folder.files(folder.plan.runs[0])
    (files.path / "checkpoints").mkdir()
    begun = files.path / "checkpoints" / "update_00000001.pt"
    begun.write_bytes(b"of another time")
    assert len(list(reuse_runs(folder, [done]))) == 3
    assert not begun.exists()
    assert set(statuses(folder).values()) == {Status.FINISHED}


def test_what_is_no_sweep_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_sweep(tmp_path / "one.toml", ONE)
    with pytest.raises(SystemExit) as stop:
        main(["sweep", str(spec), "--out", str(tmp_path / "one"), "--reuse", str(tmp_path)])
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"simcore: {tmp_path} holds no sweep whose runs could be used again\n"


def test_scores_of_a_run_that_was_lengthened_after_it_was_measured_are_not_taken(done: Path, tmp_path: Path) -> None:
    """Its scores are those of the shorter run, which its configuration no longer tells of."""
    copy = tmp_path / "done"
    shutil.copytree(done, copy)
    lengthened = RunFolder.open(copy / "runs" / "tiny-setting0-seed0")
    longer = lengthened.config | {"learning": lengthened.config["learning"] | {"updates": 7}}
    lengthened.change(longer, 6, {"learning.updates": (6, 7)})
    folder = prepare(tmp_path, ONE, "learning.updates = 6", "learning.updates = 7")
    assert len(list(reuse_runs(folder, [copy]))) == 3
    assert set(statuses(folder).values()) == {Status.UNFINISHED}, "they go on from six updates"
    folder = prepare(tmp_path / "six", ONE)
    assert len(list(reuse_runs(folder, [copy]))) == 3
    assert list(statuses(folder).values()) == [Status.UNFINISHED, Status.FINISHED, Status.FINISHED]


def test_a_run_of_the_sweep_that_was_changed_is_refused_by_field(tmp_path: Path) -> None:
    run = RunFolder.open(prepare(tmp_path, ONE).path / "runs" / "tiny-setting0-seed0")
    run.change(run.config | {"seed": 5}, 0, {"seed": (0, 5)})
    with pytest.raises(UserError, match="seed0 holds a run with seed = 5, not 0 as in the sweep; name another --out"):
        prepare(tmp_path, ONE)
