"""What `probe` and `rollout` compute: held-out worlds, and alignment of what is sampled with what came."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from simcore.analysis import measuring
from simcore.analysis.collecting import MAX_WORLDS, collect, episode_frames, worlds_per_batch
from simcore.analysis.decoded import trajectory_error
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load_run
from simcore.analysis.maps import decode_maps, map_views
from simcore.analysis.measuring import GUESS_WORLDS, constant_guess, measure
from simcore.analysis.scores import score
from simcore.build import make_system
from simcore.common.errors import UserError
from simcore.config.presets import preset
from simcore.runs import RunFolder
from simcore.training.loop import train
from tinier import tinier, tinier_acting


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    config = tinier(learning__updates=2)
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "run", config.to_dict())
    train(config, folder)
    return load_run(RunFolder.open(folder.path), "cpu")


def test_the_newest_weights_are_loaded(run: LoadedRun, tmp_path: Path) -> None:
    assert run.update == 2
    assert run.system.simulation.frame_model.geco.updates == 2


def test_measurements_repeat_and_cover_the_episode(run: LoadedRun) -> None:
    first, second = measure(run, worlds=5), measure(run, worlds=5)
    assert list(first) == ["belief", "online", "untrained", "frame", "constant"]
    for name in first:
        assert first[name].errors["map_mse"].squared.shape == (9, 5)
        assert first[name].overall() == second[name].overall()


def test_the_constant_guess_is_of_many_worlds_however_few_are_measured(run: LoadedRun) -> None:
    few, many = (constant_guess(run, worlds, 3).answers["map"] for worlds in (2, GUESS_WORLDS))
    assert torch.equal(few, many)
    assert not torch.equal(few, constant_guess(run, GUESS_WORLDS + 8, 3).answers["map"])


def test_held_out_worlds_are_new(run: LoadedRun) -> None:
    held_out, others = run.collect("held-out/0", 20, 2), run.collect("constant/0", 20, 2)
    for world in range(20):
        assert not (others.targets["map"][0] == held_out.targets["map"][0, world]).flatten(1).all(1).any()


def test_what_follows_a_worlds_first_episode_is_neither_scored_nor_guessed_by(
    run: LoadedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, lengths = LoadedRun.collect, torch.tensor([9, 4, 9])

    def ending(*arguments: Any) -> Any:
        trajectory = live(*arguments)
        return trajectory._replace(is_first=trajectory.is_first | (torch.arange(9)[:, None] == lengths))

    monkeypatch.setattr(LoadedRun, "collect", ending)
    monkeypatch.setattr(measuring, "GUESS_WORLDS", 3)
    within = torch.arange(9)[:, None] < lengths
    for scores in measure(run, worlds=3, controls=()).values():
        assert (scores.errors["map_mse"].cells == 49 * within.numpy()).all()
        assert ((scores.accuracies["cell_accuracy"] >= 0) == within.numpy()).all(), "NaN elsewhere"
    maps = live(run, "constant/0", 3, 9).targets["map"]
    torch.testing.assert_close(constant_guess(run, 3, 9).answers["map"], maps[within].float().mean(0) / 255)


def test_rewards_are_shown_to_an_agent_at_the_scale_it_was_trained_with() -> None:
    config = tinier_acting(reinforcement__reward_scale=0.25)
    rewards = collect(config, make_system(config).agent, "a test", 20, 21).rewards
    assert 0.25 in rewards
    assert set(rewards.flatten().tolist()) <= {0.0, 0.25, 0.5}


def make_run(folder: Path, **changes: Any) -> LoadedRun:
    config = tinier(learning__updates=2, **changes)
    train(config, RunFolder.create(folder, config.to_dict()))
    return load_run(RunFolder.open(folder), "cpu")


def test_an_oracle_is_measured_on_the_same_frames(run: LoadedRun, tmp_path: Path) -> None:
    oracle = make_run(tmp_path / "oracle", supervised=True, seed=3)
    beside, alone = measure(run, worlds=5, oracle=oracle), measure(run, worlds=5)
    assert list(beside) == ["belief", "online", "untrained", "frame", "constant", "oracle"]
    for name in ("belief", "constant"):
        assert beside[name].overall() == alone[name].overall()
    trajectory = run.collect("held-out/0", 5, 9)
    with torch.no_grad():
        expected = score(oracle.probes(oracle.observe(trajectory)), trajectory.targets, run.probes.targets)
    assert beside["oracle"].overall() == expected.overall()
    assert measure(oracle, worlds=5, oracle=oracle)["oracle"].overall() == measure(oracle, 5)["belief"].overall()


def test_pictures_of_the_whole_state_are_read_from_it(tmp_path: Path) -> None:
    run = make_run(tmp_path / "slots", core="slots")
    of_state = replace(run, of="state")
    maps = decode_maps(of_state, 2)
    assert run.fresh.kept() is None, "probes of b_t are not wanted"
    trajectory = run.collect("held-out/maps", 2, episode_frames(run.config))
    with torch.no_grad():
        features = run.fresh.subject("belief", "state").features(trajectory)
        read = run.fresh.get(["belief"], "state")["belief"](features)
        assert torch.equal(of_state.read(trajectory)["map"], read["map"])
    assert torch.equal(maps.believed.pictures, map_views(run, trajectory.targets, read)[1].pictures)
    assert trajectory_error(of_state, 0).errors.shape == (9,)
    assert run.fresh.kept() is None


def test_what_is_no_oracle_is_refused(run: LoadedRun, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train one with --supervised"):
        measure(run, worlds=2, oracle=run)
    world = replace(run.config.world, size=9, episode_length=9)
    oracle = replace(run, config=replace(run.config, supervised=True, world=world))
    with pytest.raises(UserError, match=r"other worlds than the run: episode_length 9, not 8; size 9, not 7$"):
        measure(run, worlds=2, oracle=oracle)
    oracle = replace(run, config=tinier_acting(supervised=True))
    with pytest.raises(UserError, match="level Food, not RandomCity"):
        measure(run, worlds=2, oracle=oracle)


def test_maps_are_followed_and_sampled(run: LoadedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert decode_maps(run, 2).samples is None
    assert decode_maps(run, 2).sample_variance() is None
    imagining = make_run(tmp_path / "run", probes__map_convdraw=True)
    maps, again = decode_maps(imagining, 3, times=4, samples=2), decode_maps(imagining, 3, times=4, samples=2)
    assert maps.times == [0, 3, 5, 8]
    assert maps.samples is not None
    assert maps.samples.shape == (2, 4, 3, 7, 7, 3)
    assert torch.equal(maps.samples, again.samples)
    assert maps.lengths == [9, 9, 9]
    assert maps.believed.pictures.shape == maps.true.pictures.shape == (9, 3, 7, 7, 3)
    with torch.no_grad():
        trajectory = imagining.collect("held-out/maps", 3, 9)
        beliefs = imagining.observe(trajectory)
        read = imagining.probes(beliefs)
    torch.testing.assert_close(maps.believed.pictures / 255.0, read["map"].clamp(0, 1), rtol=0, atol=0.5 / 255 + 1e-6)
    assert torch.equal(maps.believed.cells, read["cell"].argmax(-1))
    assert torch.equal(maps.true.cells, trajectory.targets["cell"])

    asked, sample = list[Tensor](), imagining.system.map_model.sample
    monkeypatch.setattr(imagining.system.map_model, "sample", lambda at, noise: asked.append(at) or sample(at, noise))
    decode_maps(imagining, 3, times=4, samples=2)
    for at in asked:
        torch.testing.assert_close(at, beliefs[[0, 3, 5, 8]])


def test_samples_beyond_an_episodes_end_have_no_variance(run: LoadedRun) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = decode_maps(run, 3)
    samples = torch.randint(0, 256, (4, 3, 3, 7, 7, 3), generator=generator, dtype=torch.uint8)
    whole = replace(maps, times=[0, 4, 8], samples=samples, mean=torch.full((7, 7, 3), 0.5), lengths=[9, 5, 9])
    changed = samples.clone()
    changed[:, 2, 1] = 0  # at the step 8 of a world whose episode has 5 frames
    assert whole.sample_variance() == replace(whole, samples=changed).sample_variance()
    changed[:, 1, 1] = 0
    assert whole.sample_variance() != replace(whole, samples=changed).sample_variance()


def test_worlds_looked_at_together_leave_room_for_their_maps() -> None:
    """Terrain at the paper's size has 150 MB of maps an episode; a tiny city next to nothing."""
    assert worlds_per_batch(preset("tiny"), 40) == MAX_WORLDS
    assert worlds_per_batch(preset("paper", "Terrain"), 3001) == 1
    assert worlds_per_batch(preset("paper", "Terrain"), 10**6) == 1
    assert worlds_per_batch(preset("small"), 60) == 2**22 // (32**2 * 60)
