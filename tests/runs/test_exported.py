"""Exported runs: that a file says what its run says, and that one which does not is refused."""

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import simcore
from simcore.analysis.loading import load_run
from simcore.analysis.measuring import measure
from simcore.cli import main
from simcore.common.errors import UserError
from simcore.runs import ExportedRun, RunFolder, open_run
from simcore.runs.exported import save_export
from tinier import tinier, tinier_acting
from trained import trained_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return trained_run(tmp_path_factory.mktemp("runs") / "city", tinier(learning__updates=2))


def export(run: RunFolder, out: Path, *flags: str) -> ExportedRun:
    main(["export", str(run.path), str(out), "--no-measure", *flags])
    exported = open_run(out)
    assert isinstance(exported, ExportedRun)
    return exported


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    "changes",
    [{"core": "slots"}, {"core": "kanerva", "frame_model": "contrastive"}, {"probes__map_convdraw": True}],
)
def test_beliefs_maps_and_probes_are_those_of_the_run(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = trained_run(tmp_path / "run", tinier(learning__updates=2, **changes))
    exported = export(folder, tmp_path / "elsewhere" / "city.safetensors", "--no-half")
    ours, theirs = load_run(folder, "cpu"), load_run(exported, "cpu")
    assert (theirs.config, theirs.update) == (ours.config, 2)
    assert theirs.system.state_dict().keys() == ours.system.state_dict().keys()
    for name, weight in ours.system.state_dict().items():
        assert torch.equal(theirs.system.state_dict()[name], weight), name
    trajectory = ours.collect("a test", 3, 9)
    with torch.no_grad():
        assert torch.equal(theirs.observe(trajectory), ours.observe(trajectory))
    one, two = (measure(loaded, worlds=3, controls=()) for loaded in (ours, theirs))
    assert one.keys() == two.keys()
    for name, score in one.items():
        assert score.overall() == two[name].overall()


def test_half_as_large_and_nearly_the_same(run: RunFolder, tmp_path: Path) -> None:
    whole, half = export(run, tmp_path / "whole.safetensors", "--no-half"), export(run, tmp_path / "half.safetensors")
    sizes = [sum(w.numel() * w.element_size() for w in exported.weights().values()) for exported in (whole, half)]
    assert sizes[1] < 0.6 * sizes[0]
    ours, theirs = load_run(whole, "cpu"), load_run(half, "cpu")
    assert {weight.dtype for weight in theirs.system.parameters()} == {torch.float32}
    trajectory = ours.collect("a test", 3, 9)
    with torch.no_grad():
        torch.testing.assert_close(theirs.observe(trajectory), ours.observe(trajectory), atol=2e-3, rtol=0)
        assert not torch.equal(theirs.observe(trajectory), ours.observe(trajectory))


def test_what_float16_cannot_hold_stays_float32(tmp_path: Path) -> None:
    weights = {"large": torch.full((2, 2), 1e6), "small": torch.ones(2, 2), "vector": torch.full((2,), 1e-9)}
    weights["count"] = torch.tensor(7)
    weights["same memory"] = weights["large"].T
    save_export(tmp_path / "x.safetensors", weights, {}, 3, half=True, limit=10_000)
    read = ExportedRun.open(tmp_path / "x.safetensors").weights()
    assert read["small"].dtype == torch.float16
    for name in ("large", "vector", "count", "same memory"):
        assert read[name].dtype == weights[name].dtype
        assert torch.equal(read[name], weights[name])


def test_verbs_look_into_a_file_and_leave_it_alone(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported = export(run, tmp_path / "city.safetensors")
    assert "simcore probe" in capsys.readouterr().out
    before = exported.file.read_bytes()
    main(["probe", str(exported.file), "--worlds", "2", "--no-controls"])
    main(["rollout", str(exported.file), "--worlds", "2"])
    assert "city after 2 updates" in capsys.readouterr().out
    results = {path.name for path in (tmp_path / "city-results").iterdir()}
    assert results == {
        "probe.json", "probe.png", "maps.png", "trajectory.png", "probes", "rollout.png", "rollout.gif"
    }  # fmt: skip
    assert [path.name for path in (tmp_path / "city-results" / "probes").iterdir()] == ["belief-hidden.pt"]
    assert exported.file.read_bytes() == before
    main(["figure", "12", str(exported.file), "--out", str(tmp_path / "figure")])
    assert (tmp_path / "figure.png").exists()


def test_an_agent_that_acts_is_evaluated_alike(tmp_path: Path) -> None:
    folder = trained_run(tmp_path / "food", tinier_acting(learning__updates=2))
    main(["export", str(folder.path), "--no-half", "--no-measure"])
    file = folder.path / "food.safetensors"
    for path, results in ((folder.path, folder.path), (file, folder.path / "food-results")):
        main(["evaluate", str(path), "--episodes", "4", "--device", "cpu"])
        assert (results / "evaluation-Food.json").exists()
    one, two = (
        json.loads((p / "evaluation-Food.json").read_text()) for p in (folder.path, folder.path / "food-results")
    )
    assert one == two


def test_a_file_that_would_be_too_large_is_not_written(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.safetensors"
    flags = ["export", str(run.path), str(out), "--limit", "0.01"]
    assert "more than the 0.0 MiB allowed; leave out --no-half, or raise --limit" in refused(
        [*flags, "--no-half"], capsys
    )
    assert "allowed; raise --limit" in refused(flags, capsys)
    assert not out.exists()
    assert "does not end in .safetensors" in refused(["export", str(run.path), "x.pt"], capsys)
    assert "must be positive" in refused(["export", str(run.path), "--limit", "0"], capsys)


@pytest.mark.parametrize("damage", ["cut", "flipped", "noise", "empty", "foreign"])
def test_a_damaged_file_is_refused(
    run: RunFolder, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = export(run, tmp_path / "x.safetensors").file
    whole = file.read_bytes()
    if damage == "foreign":
        safetensors.torch.save_file({"weight": torch.ones(2)}, file)
    else:
        flipped = whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:]
        file.write_bytes({"cut": whole[:-1], "flipped": flipped, "noise": os.urandom(1000), "empty": b""}[damage])
    assert "damaged or not an exported run" in refused(["probe", str(file)], capsys)


def test_every_changed_byte_of_what_is_told_of_the_weights_is_noticed(run: RunFolder, tmp_path: Path) -> None:
    exported = export(run, tmp_path / "x.safetensors")
    whole, weights = exported.file.read_bytes(), exported.weights()
    drawn = random.Random(0)
    header = 8 + int.from_bytes(whole[:8], "little")
    noticed = 0
    for place in [*range(8), *drawn.sample(range(8, header), 300), *drawn.sample(range(header, len(whole)), 30)]:
        flipped = bytes([whole[place] ^ 1 << drawn.randrange(8)])
        exported.file.write_bytes(whole[:place] + flipped + whole[place + 1 :])
        try:
            read = ExportedRun.open(exported.file)
            same = read.weights()
        except UserError:
            noticed += 1
            continue
        assert read == exported, place  # a byte of the seal's own name, or of a space
        assert all(torch.equal(weight, same[name]) for name, weight in weights.items())
    assert noticed > 320


def rewritten(exported: ExportedRun, **metadata: str) -> Path:
    said = {"format": "simcore-export", "version": "1", "update": "2", "sha256": exported.digest}
    assert exported.card is not None
    said |= {"config": json.dumps(exported.config), "card": exported.card.to_json(), **metadata}
    safetensors.torch.save_file(exported.weights(), exported.file, said)
    return exported.file


def test_other_versions_are_refused(run: RunFolder, tmp_path: Path) -> None:
    exported = export(run, tmp_path / "x.safetensors")
    assert ExportedRun.open(rewritten(exported)) == exported
    with pytest.raises(UserError, match=r"newer SimCore \(format 2, not 1\); update SimCore"):
        ExportedRun.open(rewritten(exported, version="2"))
    for wrong in (
        {"version": "one"},
        {"version": "0"},
        {"config": "{"},
        {"config": "[]"},
        {"update": ""},
        {"card": "{}"},
    ):
        with pytest.raises(UserError, match="damaged or not"):
            ExportedRun.open(rewritten(exported, **wrong))


def test_nets_that_the_weights_do_not_fit_take_no_memory(run: RunFolder, tmp_path: Path) -> None:
    exported = export(run, tmp_path / "x.safetensors")
    huge = {**exported.config, "agent": {**exported.config["agent"], "hidden_size": 2**16}}  # an LSTM of 128 GiB
    rewritten(exported, config=json.dumps(huge))
    with pytest.raises(
        UserError, match=r"does not fit its run \(agent.hidden_size is 16 in it, and 65536 as configured"
    ):
        load_run(open_run(exported.file), "cpu")


def test_a_run_that_is_not_there_or_cannot_go_on(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = export(run, tmp_path / "x.safetensors").file
    capsys.readouterr()
    assert "there is no file" in refused(["probe", str(tmp_path / "y.safetensors")], capsys)
    assert "is exported already; copy its file" in refused(["export", str(file)], capsys)
    for arguments in (["train", "--resume", str(file)], ["figure", "curves", str(file)]):
        assert "has neither optimiser nor metrics" in refused(arguments, capsys)
    empty = RunFolder.create(tmp_path / "begun", tinier().to_dict())
    assert "no checkpoint yet" in refused(["export", str(empty.path)], capsys)


def test_a_program_exports_too(run: RunFolder, tmp_path: Path) -> None:
    exported = simcore.export(run.path, tmp_path / "one.safetensors", worlds=2, title="One")
    assert exported.file == tmp_path / "one.safetensors"
    assert exported.card is not None
    assert (exported.card.title, exported.card.belief is not None) == ("One", True)
    assert simcore.load(exported.file).update == exported.update
    with pytest.raises(UserError, match="is exported already; copy its file"):
        simcore.export(exported.file)
