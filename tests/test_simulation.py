"""App. K's index arithmetic, exhaustively: frames, actions and states here carry their own time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from simcore.agent import Agent, AgentConfig
from simcore.data.targets import TargetValues
from simcore.data.trajectory import NO_ACTION, Trajectory, one_hot_actions
from simcore.frame_models import ConvDRAW, FrameLoss, GECOConfig
from simcore.frame_models.convdraw import ConvDRAWConfig
from simcore.memory import CoreState, Unrolled
from simcore.objectives.frame_prediction import asks_memory
from simcore.simulation import FrameModelLoss, SimCoreHead, SimulationConfig, draw_offsets, draw_starts, target_times
from simcore.worlds.api import OUT_OF_SIGHT_STEPS


def truth(length: int, batch: int) -> TargetValues:
    return {"map": torch.zeros(length, batch, 2, 2, 3, dtype=torch.uint8)}


def timed_trajectory(length: int, batch: int, is_first: Tensor | None = None) -> Trajectory:
    """Frame (t, b) is the colour (t, b, 0); the action that led to it is t."""
    times = torch.arange(length)[:, None].expand(length, batch)
    worlds = torch.arange(batch).expand(length, batch)
    frames = torch.stack([times, worlds, torch.zeros_like(times)], dim=-1)[:, :, None, None].to(torch.uint8)
    is_first = torch.zeros(length, batch, dtype=torch.bool) if is_first is None else is_first
    state = CoreState(torch.zeros(batch, 2), torch.zeros(batch, 2))
    zeros = torch.zeros(length, batch)
    return Trajectory(frames, times.clone(), zeros, is_first, zeros.bool(), zeros, state, truth(length, batch))


class CountingCore(nn.Module):
    """Its state is (start time, world); its output says that, the last action and how many steps were made."""

    def forward(self, inputs: Tensor, state: CoreState) -> Unrolled:
        steps = torch.arange(1.0, len(inputs) + 1).view(-1, *[1] * (inputs.dim() - 1)).expand(*inputs.shape[:-1], 1)
        start = state.hidden.expand(len(inputs), *state.hidden.shape)
        outputs = torch.cat([start, inputs.argmax(-1, keepdim=True).float(), steps], dim=-1)
        return Unrolled(outputs, state, None)


class RecordingModel(nn.Module):
    """Remembers what it was asked; the loss of frame (t, b) from start s is 10000 s + 100 t + b."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = self.condition = torch.empty(0)

    def loss(
        self,
        frames: Tensor,
        condition: Tensor,
        generator: torch.Generator | None = None,
        identity: Tensor | None = None,
    ) -> FrameLoss:
        assert identity is not None
        self.frames, self.condition = frames[:, 0, 0].float(), condition
        assert torch.equal(identity, self.frames[:, [1, 0]].long()), "the world and time of each frame"
        value = 10000 * condition[:, 0] + 100 * self.frames[:, 0] + self.frames[:, 1]
        return FrameLoss(value, value, value)


def timed_head(length: int, overshoot: int, mask: bool = True) -> tuple[SimCoreHead, RecordingModel]:
    model = RecordingModel()
    head = SimCoreHead(
        SimulationConfig(overshoot, mask_episode_ends=mask), num_actions=length, hidden_size=2, frame_model=model
    )
    head.core = CountingCore()
    return head, model


def timed_snapshots(starts: list[int], batch: int) -> CoreState:
    tags = torch.tensor([[[s, b] for b in range(batch)] for s in starts]).float()
    return CoreState(tags, tags)


def loss_of(
    head: SimCoreHead, snapshots: CoreState, trajectory: Trajectory, starts: list[int], offsets: Sequence[int]
) -> FrameModelLoss:
    return head.loss(head.overshoot(snapshots, trajectory, starts, offsets), trajectory)


LENGTHS = [(length, overshoot) for length in range(2, 10) for overshoot in range(1, length)]


@pytest.mark.parametrize(("length", "overshoot"), LENGTHS)
def test_every_start_and_offset_meets_its_frame_and_its_actions(length: int, overshoot: int) -> None:
    batch = 3
    head, model = timed_head(length, overshoot)
    starts = draw_starts(length, overshoot, length - overshoot, torch.Generator())
    assert starts == list(range(length - overshoot))
    loss_of(head, timed_snapshots(starts, batch), timed_trajectory(length, batch), starts, range(overshoot))

    start, world, last_action, steps = model.condition.T
    assert torch.equal(model.frames[:, 0], start + steps), "the frame after k steps is k frames after the start"
    assert torch.equal(last_action, model.frames[:, 0]), "the last action eaten is the one that led to the frame"
    assert torch.equal(world, model.frames[:, 1])
    points = {tuple(point) for point in torch.stack([start, world, steps], dim=1).int().tolist()}
    assert points == {(s, b, k) for s in starts for b in range(batch) for k in range(1, overshoot + 1)}
    assert len(model.frames) == len(points)


def test_all_actions_in_between_are_eaten_in_order() -> None:
    length, overshoot, batch = 9, 4, 2
    head, _ = timed_head(length, overshoot)
    eaten: list[Tensor] = []
    core = CountingCore()

    class Spy(nn.Module):
        def forward(self, inputs: Tensor, state: CoreState) -> Unrolled:
            eaten.append(inputs.argmax(-1).flatten(1))
            return core(inputs, state)

    head.core = Spy()
    starts = [0, 2, 4]
    loss_of(head, timed_snapshots(starts, batch), timed_trajectory(length, batch), starts, range(overshoot))
    expected = torch.tensor([[s + 1 + k for s in starts for _ in range(batch)] for k in range(overshoot)])
    assert torch.equal(eaten[0], expected)


def test_random_points_are_distinct_and_reach_every_start_and_offset() -> None:
    generator = torch.Generator().manual_seed(0)
    seen_starts, seen_offsets = set(), set()
    for _ in range(200):
        starts, offsets = draw_starts(12, 5, 3, generator), draw_offsets(5, 2, generator)
        assert len(set(starts)) == 3
        assert len(set(offsets)) == 2
        seen_starts |= set(starts)
        seen_offsets |= set(offsets)
    assert seen_starts == set(range(7))
    assert seen_offsets == set(range(5))


def test_target_times() -> None:
    assert target_times(torch.tensor([0, 3]), torch.tensor([0, 2])).tolist() == [[1, 4], [3, 6]]


@pytest.mark.parametrize(("points", "overshoot"), [(6, 5), (1, 10)])
def test_more_starts_than_there_are_is_refused(points: int, overshoot: int) -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        draw_starts(10, overshoot, points, torch.Generator())


@pytest.mark.parametrize("overshoot", [1, 2])
def test_of_a_roll_out_shorter_than_the_frames_to_be_modelled_all_are(overshoot: int) -> None:
    """Table 2 has Lo = 1 and Ng = 2; App. K cuts a shuffled range at Ng, wherever it ends."""
    assert draw_offsets(overshoot, 3, torch.Generator()) == list(range(overshoot))
    head, model = timed_head(6, overshoot)
    seeing = loss_of(
        head, timed_snapshots([0, 2], 2), timed_trajectory(6, 2), [0, 2], draw_offsets(overshoot, 3, torch.Generator())
    )
    assert len(model.frames) == overshoot * 2 * 2
    assert seeing.weight == 1.0


@pytest.mark.parametrize("mask", [True, False])
def test_targets_beyond_an_episodes_end_have_no_weight(mask: bool) -> None:
    length, overshoot, batch = 10, 4, 5
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        is_first = torch.rand(length, batch, generator=generator) < 0.2
        starts = draw_starts(length, overshoot, 3, generator)
        head, _ = timed_head(length, overshoot, mask=mask)
        seeing = loss_of(
            head, timed_snapshots(starts, batch), timed_trajectory(length, batch, is_first), starts, range(overshoot)
        )
        values = [
            10000 * s + 100 * (s + k) + b
            for s in starts
            for b in range(batch)
            for k in range(1, overshoot + 1)
            if not (mask and is_first[s + 1 : s + k + 1, b].any())
        ]
        assert seeing.loss.item() == pytest.approx(np.mean(values) if values else 0.0, rel=1e-5)
        assert seeing.weight.item() == pytest.approx(len(values) / (len(starts) * batch * overshoot))


def test_random_points_estimate_the_full_double_sum_without_bias() -> None:
    length, overshoot, batch = 8, 3, 2
    trajectory = timed_trajectory(length, batch)

    def loss(points: int, frames: int, generator: torch.Generator) -> float:
        head, _ = timed_head(length, overshoot)
        starts = draw_starts(length, overshoot, points, generator)
        offsets = draw_offsets(overshoot, frames, generator)
        return loss_of(head, timed_snapshots(starts, batch), trajectory, starts, offsets).loss.item()

    generator = torch.Generator().manual_seed(2)
    full = loss(length - overshoot, overshoot, generator)
    estimates = np.array([loss(2, 1, generator) for _ in range(2000)])
    assert abs(estimates.mean() - full) < 4 * estimates.std() / np.sqrt(len(estimates))


class Parts(NamedTuple):
    agent: Agent
    head: SimCoreHead
    trajectory: Trajectory


@pytest.fixture
def parts() -> Parts:
    torch.manual_seed(0)
    length, batch, size, hidden = 7, 3, 16, 24
    sizes = ConvDRAWConfig(2, 4, 8, (8,), (8,))
    model = ConvDRAW(sizes, condition_size=hidden, frame_size=size, geco=GECOConfig(0.01))
    agent = Agent(AgentConfig(hidden, 16, (8, 8)), frame_size=size, num_actions=4)
    frames = torch.randint(0, 256, (length, batch, size, size, 3), dtype=torch.uint8)
    actions = torch.randint(0, 4, (length, batch))
    is_first = torch.zeros(length, batch, dtype=torch.bool)
    trajectory = Trajectory(
        frames,
        actions,
        torch.zeros(length, batch),
        is_first,
        torch.zeros(length, batch, dtype=torch.bool),
        torch.zeros(length, batch),
        agent.initial_state(batch),
        truth(length, batch),
    )
    head = SimCoreHead(SimulationConfig(3), num_actions=4, hidden_size=hidden, frame_model=model)
    return Parts(agent, head, trajectory)


def gradients(module: nn.Module) -> list[float]:
    return [0.0 if p.grad is None else p.grad.abs().sum().item() for p in module.parameters()]


def test_the_kl_alone_trains_belief_and_simulation_through_the_prior(parts: Parts) -> None:
    agent, head, trajectory = parts
    starts = [0, 2]
    beliefs = agent.unroll(trajectory, snapshots_at=starts)
    loss_of(head, beliefs.snapshots, trajectory, starts, [0, 2]).kl.backward()
    assert all(gradient > 0 for gradient in gradients(agent.core))
    assert all(gradient > 0 for gradient in gradients(agent.encoder))
    assert all(gradient > 0 for gradient in gradients(head.core))
    assert all(gradient > 0 for gradient in gradients(head.frame_model.embed_condition))


def test_the_reconstruction_error_does_not_see_the_belief(parts: Parts) -> None:
    """The condition enters the prior only (App. A): the decoder knows nothing of it but through z."""
    agent, head, trajectory = parts
    beliefs = agent.unroll(trajectory, snapshots_at=[1])
    loss_of(head, beliefs.snapshots, trajectory, [1], [0, 2]).error.backward()
    assert sum(gradients(agent)) == 0
    assert sum(gradients(head.core)) == 0


def test_full_states_pass_to_the_simulation(parts: Parts) -> None:
    """The roll-out starts from hidden AND cell: changing either changes the simulated states."""
    agent, head, trajectory = parts
    state = agent.unroll(trajectory, snapshots_at=[3]).snapshots
    start = CoreState(state.hidden[0], state.cell[0])
    actions = trajectory.actions[4:6]
    states = head.simulate(start, actions)
    assert not torch.allclose(states, head.simulate(start._replace(cell=start.cell + 1), actions))
    assert not torch.allclose(states, head.simulate(start._replace(hidden=start.hidden + 1), actions))


def test_no_action_is_a_zero_one_hot() -> None:
    one_hot = one_hot_actions(torch.tensor([[0, NO_ACTION], [2, 1]]), 3)
    assert one_hot.tolist() == [[[1, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 1, 0]]]


def test_late_starts_are_drawn_from_the_earliest_on() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = {t for _ in range(200) for t in draw_starts(10, 3, 2, generator, earliest=4)}
    assert drawn == {4, 5, 6}
    assert draw_starts(10, 3, 5, generator, earliest=4) == [2, 3, 4, 5, 6], "it gives way where there are too few"
    with pytest.raises(ValueError, match="has 7"):
        draw_starts(10, 3, 8, generator, earliest=4)


def test_targets_that_show_what_was_long_out_of_sight_ask_for_a_memory() -> None:
    """Only a building counts, only one that was seen before, and only from starts at which it has long been gone."""
    length, worlds, size = 30, 3, 4
    maps = torch.full((length, worlds, size, size, 3), 90, dtype=torch.uint8)
    maps[:, 0, 1, 1] = 200  # a building in world 0 alone
    since_seen = torch.full((length, worlds, size, size), -1, dtype=torch.int32)
    since_seen[:, :, 2, 2] = torch.arange(length)[:, None]  # ground, seen at 0 and then
    since_seen[:, :, 1, 1] = torch.arange(length)[:, None]
    since_seen[25, :, 1, 1] = since_seen[25, :, 2, 2] = 0  # ... again at 25
    since_seen[26:] = -1
    truth = {"map": maps, "since_seen": since_seen}
    starts, targets = torch.tensor([5, OUT_OF_SIGHT_STEPS, 20]), torch.tensor([[24, 24, 24], [25, 25, 25]])
    asks = asks_memory(truth, starts, targets)
    assert asks.tolist() == [[[False] * 3] * 3, [[False] * 3, [True, False, False], [True, False, False]]]
