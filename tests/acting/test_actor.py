"""The actor's time-keeping: actions and rewards stand beside the frames that they led to."""

import numpy as np
import pytest
import torch

from simcore.acting import Actor
from simcore.learning.trajectory import NO_ACTION, Trajectory
from simcore.memory import CoreState
from simcore.nested import tree_map
from simcore.training import make_worlds
from simcore.worlds import Walker
from tinier import tinier

STATE = CoreState(torch.zeros(3, 4), torch.zeros(3, 4))


def make_actor() -> Actor:
    worlds = make_worlds(tinier(), 3)
    return Actor(worlds, Walker(worlds, seed=5), seed=11)


def join(parts: list[Trajectory]) -> Trajectory:
    return Trajectory(*(tree_map(lambda *leaves: torch.cat(leaves), *columns) for columns in zip(*parts, strict=True)))


def test_a_trajectory_replays_in_fresh_worlds() -> None:
    """Step the same worlds by hand with the recorded actions: frames, maps and positions must come back."""
    length = 25
    trajectory = make_actor().collect(length, STATE)
    worlds = make_worlds(tinier(), 3)
    frames, info = worlds.reset(seed=11)
    ended = np.zeros(3, np.bool_)
    for t in range(length):
        assert np.array_equal(trajectory.frames[t].numpy(), frames)
        assert np.array_equal(trajectory.truth.maps[t].numpy(), info["map"])
        assert np.array_equal(trajectory.truth.seen[t].numpy(), info["seen"])
        assert np.array_equal(trajectory.truth.cells[t].numpy(), info["cell"])
        assert np.array_equal(trajectory.truth.headings[t].numpy(), info["heading_index"])
        assert np.array_equal(trajectory.is_first[t].numpy(), ended if t else np.ones(3, np.bool_))
        if t + 1 < length:
            actions = trajectory.actions[t + 1].numpy()
            frames, *_, info = worlds.step(np.where(actions == NO_ACTION, 0, actions))
            assert np.array_equal(trajectory.is_first[t + 1].numpy(), actions == NO_ACTION)
            ended = (trajectory.is_first[t + 1]).numpy()
    assert trajectory.is_first[1:].any(), "the test wants an episode's end inside"


def test_episodes_have_one_frame_more_than_steps() -> None:
    is_first = make_actor().collect(19, STATE).is_first
    assert is_first[:, 0].nonzero().flatten().tolist() == [0, 9, 18]


@pytest.mark.parametrize("lengths", [(5, 8, 12), (1, 24)])
def test_trajectories_follow_each_other_without_a_gap(lengths: tuple[int, ...]) -> None:
    actor = make_actor()
    pieces = join([actor.collect(length, STATE) for length in lengths])
    whole = make_actor().collect(sum(lengths), STATE)
    for piece, expected in zip((*pieces[:4], *pieces.truth), (*whole[:4], *whole.truth), strict=True):
        assert torch.equal(piece, expected)


@pytest.mark.parametrize("after", [4, 9, 10])
def test_a_restored_actor_continues_alike(after: int) -> None:
    actor = make_actor()
    actor.collect(after, STATE)
    state = actor.get_state()
    expected = actor.collect(20, STATE)
    restored = make_actor()
    restored.collect(3, STATE)
    restored.set_state(state)
    for value, other in zip(restored.collect(20, STATE)[:4], expected[:4], strict=True):
        assert torch.equal(value, other)


def test_the_cores_state_travels_along() -> None:
    assert make_actor().collect(2, STATE).initial_state is STATE
