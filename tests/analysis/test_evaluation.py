"""Whole episodes in new worlds: each counted once, with intervals that SciPy agrees with."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from simcore.acting import ActionOutput, ActorInput, RandomPolicy
from simcore.analysis.evaluation import evaluate, play
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load_run
from simcore.cli import main
from simcore.common.errors import UserError
from simcore.common.intervals import Interval
from simcore.runs import RunFolder
from simcore.training.loop import train
from tinier import tinier, tinier_acting
from trained import trained_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_run(tmp_path_factory.mktemp("runs") / "run", tinier_acting(learning__updates=2)).path


@pytest.fixture
def loaded(run: Path) -> LoadedRun:
    return load_run(RunFolder.open(run), "cpu")


@pytest.mark.parametrize("episodes", [1, 7, 40])
def test_every_world_plays_its_share_to_the_end(episodes: int) -> None:
    count = min(episodes, 5)
    played = play(tinier_acting(), RandomPolicy(5, count, seed=0), count, episodes, seed=1)
    worlds = [episode.world for episode in played]
    shares = [worlds.count(world) for world in range(count)]
    assert sum(shares) == episodes
    assert max(shares) - min(shares) <= 1
    for episode in played:
        assert 1 <= episode.length <= 20
        assert episode.reward == 2 * episode.metrics["food"]
        assert episode.length == 20 or episode.metrics["food"] == 1


def test_an_evaluation_repeats_and_another_seed_is_another(loaded: LoadedRun) -> None:
    one, same, other = (evaluate(loaded, 10, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one.random != other.random


def test_a_greedy_agent_takes_the_likeliest_action_alone(run: Path) -> None:
    """One that would turn a little rather than anything else never comes to food."""
    turning = load_run(RunFolder.open(run), "cpu")
    with torch.no_grad():
        turning.agent.heads.policy.weight.zero_()
        turning.agent.heads.policy.bias.copy_(torch.tensor([0.0, 0.1, 0.0, 0.0, 0.0]))
    assert not any(episode.reward for episode in evaluate(turning, 20, greedy=True).agent)
    assert any(episode.reward for episode in evaluate(turning, 20).agent)


def test_rewards_are_shown_at_the_scale_of_the_run_and_told_in_their_own() -> None:
    shown: set[float] = set()

    class Watching(RandomPolicy):
        def act(self, present: ActorInput) -> ActionOutput:
            shown.update(present.rewards.tolist())
            return super().act(present)

    played = play(tinier_acting(reinforcement__reward_scale=0.25), Watching(5, 5, seed=0), 5, 20, seed=1)
    assert {0.0, 0.25} <= shown <= {0.0, 0.25, 0.5}
    assert {episode.reward for episode in played} <= {0.0, 1.0, 2.0}


def test_intervals_are_students() -> None:
    values = [1.0, 4.0, 2.0, 2.5, 0.0]
    interval = Interval.of(values)
    assert interval is not None
    low, high = stats.t.interval(0.9, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (interval.mean, interval.low, interval.high) == pytest.approx((1.9, low, high))


def test_intervals_of_too_little() -> None:
    one = Interval.of([3.0])
    assert one is not None
    assert (one.mean, one.low, one.high) == (3.0, -math.inf, math.inf)
    assert Interval.of([2.0, 2.0]) == Interval(2.0, 2.0, 2.0)
    assert Interval.of([]) is None
    assert Interval.of([1.0, math.nan]) is None


def test_the_command_prints_a_table_and_writes_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["evaluate", str(run), "--episodes", "6"])
    output = capsys.readouterr().out
    for text in ("return", "food eaten", "episode length", "90 % interval", "random policy", "6 episodes of Food"):
        assert text in output
    report = json.loads((run / "evaluation-Food.json").read_text())
    assert report["episodes"] == 6
    assert len(report["returns"]) == 6
    assert report["agent"]["return"]["mean"] == pytest.approx(np.mean(report["returns"]))
    assert report["random"]["food_eaten"]["low"] <= report["random"]["food_eaten"]["high"]


def test_one_episode_has_no_interval(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["evaluate", str(run), "--episodes", "1", "--greedy"])
    assert "one episode" in capsys.readouterr().out
    assert json.loads((run / "evaluation-Food.json").read_text())["agent"]["return"]["low"] is None


def test_what_cannot_be_evaluated_is_refused(loaded: LoadedRun, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--episodes is 0; it must be at least 1"):
        evaluate(loaded, 0)
    with pytest.raises(UserError, match="there is no level 'Nowhere'"):
        evaluate(loaded, 1, level="Nowhere")
    config = tinier(learning__updates=1)
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    train(config, folder)
    with pytest.raises(UserError, match="a walker acts and there is no reward"):
        evaluate(load_run(folder, "cpu"))


def test_an_agent_is_evaluated_in_other_peoples_worlds_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("minigrid")
    sizes = ["--world.frame-size", "16", "--learning.updates", "1", "--learning.worlds", "2"]
    main(["train", "MiniGrid-Empty-5x5-v0", *sizes, "--threads", "1", "--run", str(tmp_path / "run")])
    output = capsys.readouterr().out
    assert f"simcore evaluate {tmp_path / 'run'}" in output
    assert "simcore probe" not in output
    main(["evaluate", str(tmp_path / "run"), "--episodes", "2"])
    assert "food" not in capsys.readouterr().out
    main(["rollout", str(tmp_path / "run"), "--worlds", "1", "--context", "5", "--steps", "3"])
    with pytest.raises(SystemExit):
        main(["probe", str(tmp_path / "run")])
    assert "this run has no probes" in capsys.readouterr().err
