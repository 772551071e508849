"""Sessions of runs."""

from pathlib import Path

import numpy as np
import pytest
import torch

import simcore
from sessions import make
from simcore import UserError
from simcore.analysis.fresh_probes import FreshProbes
from simcore.analysis.loaded_run import LoadedRun
from simcore.config.run import Config
from tinier import tinier, tinier_acting


def test_a_runs_session_shows_rewards_at_its_scale() -> None:
    config = tinier_acting(reinforcement__reward_scale=0.25)
    system = make(config)
    run = LoadedRun(config, system, torch.device("cpu"), 1, FreshProbes(config, system, 1, None))
    assert run.session().reward_scale == 0.25


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    simcore.train(tinier(learning__updates=2), path)
    return path


def five_lines(run: LoadedRun) -> None:
    env = run.make_env()
    session = run.session()
    belief = session.observe(*env.reset(seed=0))
    assert belief.map.shape == (7, 7, 3)
    assert 0 <= belief.cell < 49
    assert 0 <= belief.heading < 24
    assert session.imagine([0, 1, 2], samples=8).shape == (8, 3, 8, 8, 3)


def test_a_run_is_loaded_in_five_lines(run: Path) -> None:
    loaded = simcore.load(str(run))
    five_lines(loaded)
    assert loaded.update == 2
    assert loaded.agent is loaded.system.agent
    assert loaded.make_worlds(4).num_envs == 4
    assert loaded.session(batch=4).num_worlds == 4


def test_fresh_probes_read_where_the_folder_holds_them(run: Path) -> None:
    assert simcore.load(run).session().read_by == "online"
    assert simcore.load(run).session(probes="none").read_by == "nothing"
    fresh = simcore.load(run).session(probes="fresh")
    assert fresh.read_by == "fresh"
    loaded = simcore.load(run)
    kept = loaded.session()
    assert kept.read_by == "fresh"
    env = loaded.make_env()
    np.testing.assert_array_equal(kept.observe(*env.reset(seed=0)).map, fresh.observe(*env.reset(seed=0)).map)
    assert loaded.session(probes="online").read_by == "online"
    with pytest.raises(UserError, match="allowed are auto, fresh, online and none"):
        loaded.session(probes="other")  # type: ignore[arg-type]


def test_other_peoples_worlds_have_sessions_too(tmp_path: Path) -> None:
    config = tinier_acting(learning__updates=1)
    world = simcore.preset("tiny", "MiniGrid-Empty-5x5-v0").world
    config = Config.from_dict(
        config.to_dict() | {"level": "MiniGrid-Empty-5x5-v0", "world": vars(world) | {"frame_size": 8}}
    )
    loaded = simcore.train(config, tmp_path / "run")
    env, session = loaded.make_env(), loaded.session()
    assert session.read_by == "nothing"
    session.observe(*env.reset(seed=0))
    belief = session.observe(*env.step(session.act()))
    assert belief.map is None
    assert env.action_names[2] == "forward"
