"""A world that is not ours, with a map and a number of its own: probes, the supervised oracle, a model of its map."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from simcore.analysis.loading import load_run
from simcore.analysis.maps import decode_maps
from simcore.analysis.measuring import measure
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.runs import RunFolder
from simcore.sweeps.scores import available
from simcore.training.loop import check, train
from simcore.training.training import Training
from simcore.worlds.gym import GymConfig
from tinier import changed, tinier_acting

PATHS = "PathsTest-v0"


class Paths(gymnasium.Env[Any, Any]):
    """A walk to and fro over five cells; the map shows the walker, the number is where it is."""

    observation_space = Box(0, 255, (8, 8, 3), np.uint8)
    action_space = Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place = int(self.np_random.integers(5))
        return self.look(), self.tell()

    def step(self, action: Any) -> Any:
        self.place = (self.place + (1 if action else -1)) % 5
        return self.look(), float(self.place == 4), False, False, self.tell()

    def look(self) -> Any:
        return np.full((8, 8, 3), 50 * self.place, np.uint8)

    def tell(self) -> dict[str, Any]:
        picture = np.zeros((5, 5, 3), np.uint8)
        picture[2, self.place] = 255
        return {"map": picture, "place": [self.place]}


@pytest.fixture(autouse=True, scope="module")
def registered() -> Iterator[None]:
    gymnasium.register(PATHS, entry_point=f"{__name__}:Paths")
    yield
    del gymnasium.registry[PATHS]


def paths(*targets: str, **changes: Any) -> Config:
    world = GymConfig(frame_size=8, episode_length=8, targets=targets or ("map=picture:5x5", "place=vector:1"))
    return changed(replace(tinier_acting(), level=PATHS, world=world), **changes)


@pytest.mark.parametrize("changes", [{}, {"supervised": True}, {"probes__map_convdraw": True}], ids=str)
def test_its_targets_are_learned_and_logged(changes: dict[str, Any]) -> None:
    training = Training(paths(**changes), torch.device("cpu"))
    for _ in range(2):
        training.update()
    metrics = training.take_metrics()
    assert {"probes/map_mse", "probes/place_mse", "return", "length"} <= metrics.keys()
    assert ("map_model/kl" in metrics) == ("probes__map_convdraw" in changes)
    assert not {"cell_accuracy", "food", "memory_share"} & metrics.keys()
    assert list(training.system.probes.state_dict())[3].startswith("map.")


def test_its_belief_is_measured_beside_the_same_controls(tmp_path: Path) -> None:
    config = paths(learning__updates=2)
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    train(config, folder)
    run = load_run(folder, "cpu")
    assert run.config == config
    scores = measure(run, 4)
    assert list(scores) == ["belief", "online", "untrained", "frame", "constant"]
    for score in scores.values():
        assert list(score.overall()) == ["map_mse", "place_mse"]
        assert score.error_by_age is None, "nobody tells when a cell was seen"
        assert score.errors["place_mse"].squared.shape == (9, 4)
    with pytest.raises(UserError, match="there are no maps to draw: PathsTest-v0"):
        decode_maps(run, 2)
    assert available(config) == ("map_mse", "place_mse", "return")
    assert available(paths(learning__probe_times=0)) == ("return",)


def test_what_it_does_not_tell_is_said_before_a_run_begins() -> None:
    with pytest.raises(UserError, match="PathsTest-v0: the target door is not in what a step tells, which is: map, "):
        check(paths("door=class:2"))
    with pytest.raises(UserError, match="names a head for door; the world tells map, place"):
        check(paths(probes__heads=("door=class",)))


def test_probes_are_wanted_where_something_is_told() -> None:
    plain = replace(tinier_acting(), level=PATHS, world=GymConfig(frame_size=8))
    assert not plain.has_probes
    with pytest.raises(UserError, match="--supervised wants probes"):
        replace(plain, supervised=True)
    with pytest.raises(UserError, match=r"--probes\.map-convdraw wants a square map"):
        paths("map=picture:4x5", probes__map_convdraw=True)
