"""Core states travel from trajectory to trajectory, each to its own."""

from typing import Any

import pytest
import torch
from torch import Tensor

from simcore.data.trajectory import Trajectory, join_trajectories
from simcore.learning.batch import Batch, UpdateResult
from simcore.memory import CoreState
from simcore.training.training import Training
from tinier import tinier, tinier_acting

CPU = torch.device("cpu")


def test_the_core_state_travels_to_the_next_trajectory() -> None:
    training = Training(tinier(), CPU)
    training.update()
    state = training.core_states[0]
    assert state.hidden.abs().sum() > 0
    assert not state.hidden.requires_grad
    seen: list[Tensor] = []
    step = training.learner.step

    def spy(batch: Any) -> Any:
        seen.append(batch.trajectory.initial_state.hidden)
        return step(batch)

    training.learner.step = spy  # type: ignore[method-assign]
    training.update()
    assert torch.equal(seen[0], state.hidden)


def test_each_of_several_actors_goes_on_from_its_own_core_state(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(tinier(acting__actors=2), CPU)
    prepare, step = training.learner.prepare, training.learner.step
    begun: list[CoreState] = []
    ended: list[CoreState] = []

    def prepared(trajectory: Trajectory) -> Batch:
        assert trajectory.initial_state is not None
        begun.append(trajectory.initial_state)
        return prepare(trajectory)

    def stepped(batch: Batch) -> UpdateResult:
        result = step(batch)
        ended.append(result.final_state)
        return result

    monkeypatch.setattr(training.learner, "prepare", prepared)
    monkeypatch.setattr(training.learner, "step", stepped)
    for _ in range(4):
        training.update()
    assert not begun[0].hidden.any()
    assert not begun[1].hidden.any()
    for before, after in ((0, 2), (1, 3)):
        assert torch.equal(begun[after].hidden, ended[before].hidden)
        assert torch.equal(begun[after].cell, ended[before].cell)


@pytest.mark.parametrize("core", ["lstm", "slots", "kanerva"])
def test_trajectories_of_a_batch_are_unrolled_each_from_its_own_state(core: str) -> None:
    changes = {"core": core, "learning__worlds": 4, "acting__worlds": 2, "acting__actors": 2, "acting__stagger": False}
    training = Training(tinier_acting(**changes), CPU)
    training.update()  # so that they begin within an episode
    agent = training.system.agent
    apart = [each.trajectory for each in training.executor.take(2).parts]
    expected = torch.cat([agent.unroll(trajectory).outputs for trajectory in apart], dim=1)
    together = agent.unroll(join_trajectories(apart, agent.core.join)).outputs
    torch.testing.assert_close(together, expected)
    assert not torch.allclose(together[:, :2], together[:, 2:])
