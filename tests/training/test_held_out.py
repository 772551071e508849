"""The picture of a held-out episode, which a run records at its checkpoints."""

import json
import random
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from event_files import pictures
from simcore.analysis.episode import observe_episode
from simcore.analysis.fresh_probes import FreshProbes
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.runs import RunFolder, checkpoints
from simcore.training.held_out import PURPOSE, HeldOutEpisode, global_generators_kept
from simcore.training.loop import check
from simcore.training.recorder import EPISODE
from simcore.training.training import Training
from simcore.worlds.gym import GymConfig
from tinier import tinier, tinier_acting
from trained import trained_run

CPU = torch.device("cpu")
FOREIGN = {"level": "MiniGrid-Empty-5x5-v0", "world": GymConfig(frame_size=8, episode_length=9)}


def numbers_of(run: RunFolder) -> dict[str, Any]:
    """Return all that a run's metrics and its last checkpoint hold, but for what was asked for and times."""
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    newest = checkpoints.latest(run.checkpoints)
    assert newest is not None
    state = checkpoints.load(newest).state
    del state["config"]
    metrics = [{name: value for name, value in line.items() if "seconds" not in name} for line in lines]
    return flat({"metrics": metrics, "state": state})


def flat(tree: Any, name: str = "") -> dict[str, Any]:
    """Return the leaves of nested dicts, lists and tuples by their path."""
    if not isinstance(tree, dict | list | tuple):
        return {name: tree}
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return {path: leaf for key, each in items for path, leaf in flat(each, f"{name}.{key}").items()}


@pytest.mark.parametrize("config", [tinier(core="slots"), tinier_acting(core="kanerva")], ids=["walker", "acting"])
def test_training_is_the_same_to_the_bit_with_and_without_pictures(tmp_path: Path, config: Config) -> None:
    runs = [trained_run(tmp_path / str(every), config.changed(record={"pictures_every": every})) for every in (0, 1)]
    without, drawn = map(numbers_of, runs)
    assert without.keys() == drawn.keys()
    for name, value in without.items():
        same = torch.equal(value, drawn[name]) if isinstance(value, torch.Tensor) else value == drawn[name]
        assert same, name
    assert len(pictures(runs[1].tensorboard, EPISODE)) == 3


def test_pictures_are_recorded_at_every_so_many_checkpoints_and_at_the_end(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run", tinier(learning__updates=11, record__pictures_every=2))
    assert list(pictures(run.tensorboard, EPISODE)) == [21 * update for update in (4, 8, 11)]


def test_it_is_the_same_episode_each_time_and_not_one_of_the_training(tmp_path: Path) -> None:
    training = Training(tinier(), CPU)
    episodes = []
    for _ in range(2):
        system = training.system
        fresh = FreshProbes(training.config, system, training.updates, None)
        run = LoadedRun(training.config, system, CPU, training.updates, fresh, online=True)
        episodes.append(observe_episode(run, run.make_worlds(1), PURPOSE))
        training.update()
    first, second = episodes
    assert first.steps == second.steps == list(range(1, 9))
    assert torch.equal(first.frames, second.frames)
    assert first.expected is not None
    assert second.expected is not None
    assert not torch.equal(first.expected, second.expected)
    assert first.true is not None
    worlds = [training.executor.take(1).parts[0].trajectory.targets["map"] for _ in range(2)]
    assert not any((each == first.true.pictures[-1]).flatten(-3).all(dim=-1).any() for each in worlds)


def test_expectations_are_sampled_from_the_belief_one_step_before(tmp_path: Path) -> None:
    run = load(trained_run(tmp_path / "run", tinier(core="slots", learning__updates=2)).path, online=True)
    episode = observe_episode(run, run.make_worlds(1), "held-out/test")
    trajectory = run.collect("held-out/test", 1, 9)
    session = run.session(probes="online")
    for step in range(9):
        info = {"previous_action": int(trajectory.actions[step, 0])}
        returned = (info,) if step == 0 else (0.0, False, False, info)
        belief = session.observe(trajectory.frames[step, 0].numpy(), *returned)
        if step == 0:
            continue
        k = episode.steps.index(step)
        assert torch.equal(episode.frames[k], trajectory.frames[step, 0])
        assert episode.heat is not None
        assert episode.headings is not None
        np.testing.assert_allclose(episode.heat[k].flatten(), belief.cell_probabilities.flatten(), atol=1e-5)
        np.testing.assert_allclose(episode.headings[k], belief.heading_probabilities, atol=1e-5)
    assert episode.expected is not None
    assert episode.expected.shape == (8, 8, 8, 3)


@pytest.mark.parametrize(
    ("config", "expects", "has_maps"),
    [
        (tinier(), True, True),
        (tinier(frame_model="contrastive"), False, True),
        (tinier(supervised=True), False, True),
        (tinier(learning__probe_times=0), True, False),
        (tinier_acting(frame_model="none"), False, True),
        (tinier_acting(world__map_frame="ego"), True, True),
        (tinier_acting(**FOREIGN), True, False),
        (tinier_acting(**FOREIGN, frame_model="none"), False, False),
    ],
    ids=["all", "contrastive", "oracle", "no probes", "model-free", "ego maps", "foreign", "foreign model-free"],
)
def test_what_there_is_is_drawn(config: Config, expects: bool, has_maps: bool) -> None:
    training = Training(config, CPU)
    rows = 1 + 2 * expects + 2 * has_maps
    picture = HeldOutEpisode(training).draw()
    assert rows == (len(picture) - 80) // 120


def test_what_cannot_be_drawn_is_told_once_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        warnings.warn("no such font", stacklevel=1)
        raise ZeroDivisionError("drawn to death")

    monkeypatch.setattr("simcore.training.held_out.draw_observed", fail)
    run = trained_run(tmp_path / "run", tinier(record__pictures_every=1))
    assert checkpoints.latest(run.checkpoints) == run.checkpoints / "update_00000006.pt"
    (record,) = caplog.records
    assert record.message.startswith("the held-out episode cannot be drawn: UserWarning: no such font (")
    assert record.message.endswith("; the run goes on without pictures, as it does with --record.pictures-every 0")


def test_generators_that_a_users_world_may_use_go_on_as_before() -> None:
    def draw() -> list[float]:
        return [random.random(), float(np.random.random()), float(torch.rand(()))]  # noqa: NPY002

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    expected = draw()
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.set_rng_state(states[2])
    with global_generators_kept(CPU):
        draw()
    assert draw() == expected


OWN_SINK = """
import numpy as np

class Folder:
    def __init__(self, *, folder, hyperparameters):
        self.file = (folder / "own.txt").open("w")
        print(hyperparameters["core"], file=self.file)

    def scalars(self, step, values):
        print(*step, values["frame_model/loss"] > 0, file=self.file)

    def pictures(self, step, pictures):
        print(*step, *pictures, file=self.file)

    def close(self):
        print("closed", file=self.file)
        self.file.close()

class Broken:
    def scalars(self, step, values):
        raise OverflowError("too much")

    def pictures(self, step, pictures): ...

class Deaf: ...
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", sys.path.copy())
    (tmp_path / "own_sinks.py").write_text(OWN_SINK)
    monkeypatch.delitem(sys.modules, "own_sinks", raising=False)
    return "own_sinks"


def test_a_sink_of_ones_own_gets_metrics_and_pictures(tmp_path: Path, own_module: str) -> None:
    config = tinier(record__sinks=(f"{own_module}:Folder",), record__pictures_every=2)
    run = trained_run(tmp_path / "run", config)
    assert (run.path / "own.txt").read_text().splitlines() == [
        *("lstm", "2 42 True", "4 84 True", f"4 84 {EPISODE}", "6 126 True", f"6 126 {EPISODE}", "closed"),
    ]


def test_a_sink_of_ones_own_that_fails_is_told_in_one_line(tmp_path: Path, own_module: str) -> None:
    with pytest.raises(UserError, match=r"update 3: own_sinks failed: OverflowError: too much \(own_sinks.py:21"):
        trained_run(tmp_path / "run", tinier(record__sinks=(f"{own_module}:Broken",)))
    for name, told in (("Deaf", "own_sinks:Deaf is no sink"), ("Mute", "the module own_sinks has no Mute")):
        with pytest.raises(UserError, match=told):
            check(tinier(record__sinks=(f"{own_module}:{name}",)))
