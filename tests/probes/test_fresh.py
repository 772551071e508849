"""Fresh probes: they read all of a planted code and nothing of noise, and meet no world twice."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from simcore.analysis import collecting, fresh_probes, loaded_run, measuring
from simcore.analysis.collecting import collect, episode_frames
from simcore.analysis.fresh_probes import FreshProbes
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load_run
from simcore.analysis.measuring import CONTROLS, measure
from simcore.analysis.subjects import Subject
from simcore.common.archive import read_archive
from simcore.common.progress import silent
from simcore.data.targets import TargetValues
from simcore.data.trajectory import Trajectory
from simcore.probes import Probes, ProbesConfig
from simcore.probes.fresh import Examples, train_fresh_probes, validation_losses
from simcore.probes.heads import mean_picture
from simcore.runs import RunFolder
from simcore.training.training import Training
from tinier import tell_map, tinier, tinier_acting
from trained import trained_run

N, H, SIZE = 3, 4, 64
COLOURS = 4
TARGETS = tell_map(N, H)


def draw_truth(count: int, seed: int) -> TargetValues:
    """Draw maps of few colours, cells and headings, all independent."""
    generator = torch.Generator().manual_seed(seed)
    palette = torch.randint(0, 256, (COLOURS, 3), generator=torch.Generator().manual_seed(9), dtype=torch.uint8)
    maps = palette[torch.randint(0, COLOURS, (count, N, N), generator=generator)]
    cells = torch.randint(0, N * N, (count,), generator=generator)
    return {"map": maps, "cell": cells, "heading": torch.randint(0, H, (count,), generator=generator)}


def planted(truth: TargetValues, seed: int) -> Examples:
    """Hide the truth in beliefs: a random linear map of it, of odd scales, and noise."""
    state = torch.cat(
        [
            truth["map"].flatten(1) / 255.0,
            F.one_hot(truth["cell"], N * N).float(),
            F.one_hot(truth["heading"], H).float(),
        ],
        1,
    )
    mixing = torch.randn(state.shape[1], SIZE, generator=torch.Generator().manual_seed(1))
    scales = torch.logspace(-3, 1, SIZE)
    noise = torch.randn(len(state), SIZE, generator=torch.Generator().manual_seed(seed))
    return Examples((state @ mixing + 0.02 * noise) * scales + 3.0, truth)


def noise_only(truth: TargetValues, seed: int) -> Examples:
    return Examples(torch.randn(len(truth["cell"]), SIZE, generator=torch.Generator().manual_seed(seed)), truth)


def fit(make: object, epochs: int) -> tuple[Probes, Examples, Examples]:
    torch.manual_seed(0)
    sets = [make(draw_truth(count, seed), seed) for count, seed in ((4096, 1), (512, 2), (1024, 3))]  # type: ignore[operator]
    training = ProbesConfig(hidden_size=128, layers=1, channels=8, epochs=epochs, batch=64, learning_rate=3e-3)
    probes = Probes(training, belief_size=SIZE, targets=TARGETS)
    order = torch.Generator().manual_seed(0)
    return train_fresh_probes(probes, sets[0], sets[1], training, order), sets[0], sets[2]


def test_a_planted_code_is_read_to_the_end() -> None:
    probes, examples, test = fit(planted, epochs=12)
    read, truth = probes(test.beliefs), test.targets
    assert (read["cell"].argmax(-1) == truth["cell"]).float().mean() > 0.99
    assert (read["heading"].argmax(-1) == truth["heading"]).float().mean() > 0.99
    constant = (mean_picture(examples.targets["map"]) - truth["map"] / 255.0).square().mean()
    assert F.mse_loss(read["map"], truth["map"] / 255.0) < 0.03 * constant


def test_nothing_is_read_from_noise() -> None:
    """However long the probes are trained, the validation set stops them before they know the noise by heart."""
    probes, examples, test = fit(noise_only, epochs=12)
    read, truth = probes(test.beliefs), test.targets
    constant = (mean_picture(examples.targets["map"]) - truth["map"] / 255.0).square().mean()
    assert F.mse_loss(read["map"], truth["map"] / 255.0) > 0.98 * constant
    assert (read["cell"].argmax(-1) == truth["cell"]).float().mean() < 2 / (N * N)
    assert (read["heading"].argmax(-1) == truth["heading"]).float().mean() < 1.3 / H


def test_each_net_is_left_where_validation_is_best() -> None:
    """Probes that know the noise by heart in the end: what is kept is the best of the looks, two in four steps."""
    torch.manual_seed(0)
    examples, validation = noise_only(draw_truth(256, 1), 1), noise_only(draw_truth(256, 2), 2)
    training = ProbesConfig(hidden_size=64, layers=1, channels=4, epochs=8, batch=64, learning_rate=3e-3)
    probes = Probes(training, belief_size=SIZE, targets=TARGETS)
    seen: list[dict[str, float]] = []

    def look(part: float) -> None:
        seen.append(validation_losses(probes, validation))

    train_fresh_probes(probes, examples, validation, training, torch.Generator().manual_seed(0), look)
    at_looks = seen[1::2]
    for part, value in validation_losses(probes, validation).items():
        assert value == pytest.approx(min(losses[part] for losses in at_looks), rel=1e-6)
        assert value < seen[-1][part]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_run(tmp_path_factory.mktemp("runs") / "run", tinier(learning__updates=2)).path


def load(folder: Path) -> LoadedRun:
    return load_run(RunFolder.open(folder), "cpu")


def test_no_world_is_in_two_of_the_sets(folder: Path) -> None:
    """Training, validation and both kinds of test worlds: by maps and ways, all differ."""
    run = load(folder)
    rows = episode_frames(run.config)
    names = ("probes/training/0", "probes/validation/0", "constant/0", "held-out/0", "validation/held-out/0")
    ways = {
        name: {
            (trajectory.targets["map"][0, world].numpy().tobytes(), trajectory.actions[:, world].numpy().tobytes())
            for world in range(20)
        }
        for name in names
        for trajectory in [run.collect(name, 20, rows)]
    }
    assert len(set().union(*ways.values())) == 20 * len(names)


def test_a_measurement_meets_no_world_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it collects them itself: to train its probes, to choose their best step, to guess, and to score."""
    config = tinier(learning__updates=1, probes__worlds=20, probes__validation_worlds=20)
    run, ways = load_run(trained_run(tmp_path / "run", config), "cpu"), list[tuple[bytes, bytes]]()

    def watched(*arguments: object) -> Trajectory:
        trajectory = collect(*arguments)  # type: ignore[arg-type]
        maps, actions = trajectory.targets["map"][0].numpy(), trajectory.actions.T.numpy()
        ways.extend((maps[world].tobytes(), actions[world].tobytes()) for world in range(len(maps)))
        return trajectory

    for module in (fresh_probes, loaded_run):
        monkeypatch.setattr(module, "collect", watched)
    monkeypatch.setattr(collecting, "MAX_WORLDS", 8)
    monkeypatch.setattr(measuring, "GUESS_WORLDS", 20)
    measure(run, 20, controls=())
    assert len(set(ways)) == len(ways) == 4 * 20


def test_probes_are_kept_by_checkpoint_and_used_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = measure(load(folder), 4)
    kept = sorted(file.name for file in (folder / "probes").iterdir())
    assert kept == ["belief-hidden.pt", "frame-hidden.pt", "untrained-hidden.pt"]
    trained: list[str] = []
    train_one = FreshProbes._train

    def watched(self: FreshProbes, subject: object, *rest: object) -> Probes:
        trained.append(subject.name)  # type: ignore[attr-defined]
        return train_one(self, subject, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(FreshProbes, "_train", watched)
    again = measure(load(folder), 4)
    assert trained == []
    assert {name: score.overall() for name, score in again.items()}.keys() == first.keys()
    for name in first:
        assert again[name].overall()["map_mse"] == first[name].overall()["map_mse"]

    run = load(folder)
    with torch.no_grad():
        next(run.system.agent.parameters()).add_(0.1)
    measure(run, 4)
    assert trained == ["belief"], "other weights, other probes; the controls stand"

    file = folder / "probes" / "frame-hidden.pt"
    whole = file.read_bytes()
    place = whole.index(read_archive(file)["probes"]["standardise.mean"].numpy().tobytes()) + 2
    for damaged in (b"damaged", whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
        trained.clear()
        file.write_bytes(damaged)
        measure(load(folder), 4)
        assert "frame" in trained


def test_where_the_agent_acts_controls_are_of_the_policy_that_they_stand_beside(tmp_path: Path) -> None:
    trained_run(tmp_path / "run", tinier_acting(learning__updates=1))
    run = load(tmp_path / "run")
    run.fresh.get(CONTROLS)
    assert all(load(tmp_path / "run").fresh.kept(name) is not None for name in CONTROLS)
    with torch.no_grad():
        next(run.system.agent.parameters()).add_(0.1)
    assert not any(replace(run.fresh).kept(name) for name in CONTROLS), "another policy comes to other places"


def test_probes_of_an_earlier_reading_are_trained_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an agent acts: off the map there was a cell. Those of the walker in its city stand."""
    for name, config in (("acts", tinier_acting(learning__updates=1)), ("walks", tinier(learning__updates=1))):
        trained_run(tmp_path / name, config)
        load(tmp_path / name).fresh.get(["belief"])
    monkeypatch.setattr("simcore.analysis.fresh_probes.PROBE_VERSION", 1)
    assert load(tmp_path / "acts").fresh.kept("belief") is None
    assert load(tmp_path / "walks").fresh.kept("belief") is not None


def test_beliefs_and_what_they_are_to_tell_are_of_the_same_times_and_worlds(folder: Path) -> None:
    run = load(folder)

    def told(targets: TargetValues, first: int) -> torch.Tensor:
        maps, places = targets["map"].flatten(first), (targets[name][..., None] for name in ("cell", "heading"))
        return torch.cat([maps, *places], dim=-1).float()

    telling = Subject("telling", lambda trajectory: told(trajectory.targets, 2), None)
    (examples,) = run.fresh._examples([telling], "training", silent)
    assert len(examples.beliefs) == run.config.probes.worlds * run.config.probes.times
    assert torch.equal(examples.beliefs, told(examples.targets, 1))


def test_the_untrained_agent_has_other_weights_and_the_same_core(folder: Path) -> None:
    """Other than those that the run has now, and than those that it began with."""
    run = load(folder)
    untrained = run.fresh.untrained
    for own in (run.system.agent, Training(run.config, torch.device("cpu")).system.agent):
        assert untrained.state_dict().keys() == own.state_dict().keys()
        assert not torch.equal(untrained.core.lstm.weight_hh_l0, own.core.lstm.weight_hh_l0)


def test_a_folder_that_keeps_nothing_still_measures(folder: Path) -> None:
    run = load(folder)
    nowhere = replace(run, fresh=replace(run.fresh, folder=None))
    assert measure(nowhere, 3, controls=())["belief"].errors["map_mse"].squared.shape == (9, 3)


def test_of_the_state_reads_the_cell_as_well(folder: Path) -> None:
    run = load(folder)
    trajectory = run.collect("any", 2, 4)
    hidden, state = (run.fresh.subject("belief", of).features(trajectory) for of in ("hidden", "state"))
    assert state.shape[-1] == 2 * hidden.shape[-1]
    assert torch.equal(state[..., : hidden.shape[-1]], hidden)
    scores = measure(run, 3, of="state", controls=())
    assert list(scores) == ["belief", "online", "constant"]


@pytest.mark.parametrize("core", ["slots", "kanerva"])
def test_of_the_state_of_a_core_with_a_memory_reads_that_too(core: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    trained_run(path, tinier(core=core, learning__updates=1))
    run = load(path)
    trajectory = run.collect("any", 2, 4)
    subject, hidden = (run.fresh.subject("belief", of).features(trajectory) for of in ("state", "hidden"))
    shape = run.fresh.subject("belief", "state").memory
    assert shape is not None
    options = run.config.slots if core == "slots" else run.config.kanerva
    assert shape == (options.memory_size, options.word_size)
    units = run.config.agent.hidden_size
    assert subject.shape[-1] == hidden.shape[-1] + units + shape.size
    unrolled = run.agent.unroll(trajectory._replace(initial_state=run.agent.initial_state(2)), snapshots_at=[1])
    assert unrolled.snapshots is not None
    held = run.agent.core.contents(unrolled.snapshots)
    assert held is not None
    torch.testing.assert_close(subject[1, :, -shape.size :], held[0].flatten(1))
    assert list(measure(run, 3, of="state")) == ["belief", "online", "untrained", "frame", "constant"]
    again = load(path)
    assert all(again.fresh.kept(name, "state") is not None for name in ("belief", "untrained"))
    assert again.fresh.kept("frame") is again.fresh.kept("frame", "state"), "a frame has no state"
    assert again.fresh.kept("belief") is None
    kept = again.fresh.kept("belief", "state")
    assert kept is not None
    read = kept(subject)["map"]
    torch.testing.assert_close(read, run.fresh.get(["belief"], "state")["belief"](subject)["map"])


def test_online_reads_without_training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FreshProbes, "_train", lambda *_: pytest.fail("nothing is to be trained"))
    scores = measure(load_run(RunFolder.open(folder), "cpu", online=True), 3)
    assert list(scores) == ["belief", "constant"]
