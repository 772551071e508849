"""Rewards that are no finite numbers: they are refused where they enter, in one line, and what was learned is kept."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from simcore.acting import Actor, RandomPolicy
from simcore.build import make_system
from simcore.cli import main
from simcore.runs import RunFolder, checkpoints
from simcore.session import BeliefSession
from simcore.worlds.api import RewardError
from simcore.worlds.gym import GymConfig, GymVectorEnv
from tinier import tinier_acting

PAYING = "PayingTest-v0"
GIVEN: list[Any] = [1.0]
"""What the environment pays at each step, the last for ever."""


class Paying(gymnasium.Env):
    """Frames of one colour, episodes of 20 steps."""

    observation_space = Box(0, 255, (8, 8, 3), np.uint8)
    action_space = Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.full((8, 8, 3), 9, np.uint8), {}

    def step(self, action):
        self.steps += 1
        reward = GIVEN[min(self.steps, len(GIVEN)) - 1]
        return np.full((8, 8, 3), 9, np.uint8), reward, False, self.steps == 20, {}


@pytest.fixture(autouse=True, scope="module")
def registered() -> Iterator[None]:
    gymnasium.register(PAYING, entry_point=f"{__name__}:Paying")
    yield
    del gymnasium.registry[PAYING]


def collect(monkeypatch: pytest.MonkeyPatch, *rewards: Any, scale: float = 1.0, **config: Any) -> list[float]:
    """Let one world of two pay these rewards, and return what the trajectory holds."""
    monkeypatch.setattr(f"{__name__}.GIVEN", list(rewards))
    worlds = GymVectorEnv(PAYING, 2, config=GymConfig(frame_size=8, **config))
    actor = Actor(worlds, RandomPolicy(2, 2, seed=0), seed=0, reward_scale=scale)
    return actor.collect(len(rewards)).trajectory.rewards[1:, 1].tolist()


@pytest.mark.parametrize(
    ("reward", "shown"),
    [
        (float("nan"), "world 0 gave the reward nan at step 2 of its episode; it must be a finite number"),
        (np.float32("nan"), "world 0 gave the reward nan at step 2 of its episode; it must be a finite number"),
        (float("-inf"), "world 0 gave the reward -inf at step 2 of its episode; it must be a finite number"),
        (
            1e39,
            r"the reward 1e\+39 at step 2 of its episode; times reinforcement.reward_scale, 1, it must be below 3.4",
        ),
        (-(10**40), r"the reward -1e\+40 at step 2 of its episode; times reinforcement.reward_scale, 1, it must be"),
        (10**400, "the reward inf at step 2 of its episode; it must be a finite number"),
        (
            None,
            r"PayingTest-v0 gave None \(NoneType\) as the reward of step 2 of an episode; it must be a finite number",
        ),
        ("1.0", r"PayingTest-v0 gave '1.0' \(str\) as the reward of step 2 of an episode"),
        ([1.0, 2.0], r"PayingTest-v0 gave \[1.0, 2.0\] \(list\) as the reward of step 2"),
        (np.ones(200), r"PayingTest-v0 gave array\(.*\.\.\. \(ndarray\) as the reward of step 2"),
        ({"food": 1.0}, r"PayingTest-v0 gave \{'food': 1.0\} \(dict\) as the reward"),
        (1j, r"PayingTest-v0 gave 1j \(complex\) as the reward"),
    ],
)
def test_what_is_no_finite_number_is_named_with_its_world_step_and_value(
    reward: Any, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RewardError, match=shown) as raised:
        collect(monkeypatch, 1.0, reward, 1.0)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "reward",
    [
        True,
        1,
        np.int8(1),
        np.bool_(True),
        np.float32(1),
        np.array(1.0),
        np.array([1.0]),
        [1],
        torch.tensor(1.0),
        Fraction(1),
    ],
)
def test_any_number_is_a_reward(reward: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert collect(monkeypatch, reward, reward) == [1.0, 1.0]
    assert collect(monkeypatch, reward, reward, repeat=2) == [2.0, 2.0]


def test_a_reward_beyond_float32_is_one_if_it_is_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert collect(monkeypatch, 1e39, scale=1e-39) == pytest.approx([1.0])


def test_what_comes_with_a_first_frame_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds = GymVectorEnv(PAYING, 2, config=GymConfig(frame_size=8))
    step = worlds.step

    def odd(actions: Any) -> Any:
        frames, rewards, *rest = step(actions)
        return frames, np.where(actor._ended, np.nan, rewards), *rest

    monkeypatch.setattr(worlds, "step", odd)
    actor = Actor(worlds, RandomPolicy(2, 2, seed=0), seed=0)
    collected = actor.collect(42)
    assert collected.trajectory.rewards.isfinite().all()
    assert {episode.reward for episode in collected.episodes} == {20.0}


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_a_run_ends_in_one_line_with_a_checkpoint_of_what_was_before(
    executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "breaking.py"
    broken.write_text(
        "import os, gymnasium, numpy as np\n"
        "from gymnasium.spaces import Box, Discrete\n"
        "class Breaking(gymnasium.Env):\n"
        "    observation_space, action_space = Box(0, 255, (8, 8, 3), np.uint8), Discrete(2)\n"
        "    def reset(self, *, seed=None, options=None):\n"
        "        self.steps = 0\n"
        "        return np.zeros((8, 8, 3), np.uint8), {}\n"
        "    def step(self, action):\n"
        "        self.steps += 1\n"
        "        reward = np.nan if self.steps == 30 and 'MENDED' not in os.environ else 1.0\n"
        "        return np.zeros((8, 8, 3), np.uint8), reward, False, False, {}\n"
        "gymnasium.register('BreakingTest-v0', entry_point=Breaking)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    config = tinier_acting(
        level="breaking:BreakingTest-v0",
        world=GymConfig(frame_size=8),
        executor=executor,
        learning__updates=6,
        learning__probe_times=0,
        record__checkpoint_every=100,
    )
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    with pytest.raises(SystemExit) as stop:
        main(["train", "--resume", str(folder.path)])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    newest = checkpoints.latest(folder.checkpoints)
    assert newest is not None
    update = checkpoints.load(newest).update
    assert update == 4, "30 steps are 4 trajectories of 7, and a part of the fifth"
    assert "update 5: actor 0 failed: world 0 gave the reward nan at step 30 of its episode; " in line
    assert f"the last good checkpoint is {newest}; mend what it complains of, then: simcore train --resume" in line
    if executor == "processes":
        return  # its processes take seconds to start
    monkeypatch.setenv("MENDED", "1")
    main(["train", "--resume", str(folder.path)])
    assert checkpoints.latest(folder.checkpoints) == folder.checkpoints / "update_00000006.pt"


def test_a_session_refuses_such_a_reward() -> None:
    session = BeliefSession(make_system(tinier_acting()).agent)
    frame = np.zeros((8, 8, 3), np.uint8)
    session.observe(frame, {})
    for reward in (None, float("nan"), float("inf"), "much", 1e39, 10**400, Decimal("NaN")):
        with pytest.raises(RewardError, match="it must be a finite number for each world"):
            session.observe(frame, reward, False, False, {}, action=0)
    session.observe(frame, True, False, False, {}, action=0)
