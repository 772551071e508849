"""What `rollout` computes: one long simulation, which no later frame reaches and which ends with its episode."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from simcore.analysis.decoded import decoded_maps
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load_run
from simcore.analysis.measuring import measure
from simcore.analysis.rollout import roll_out, rollout_span
from simcore.common.errors import UserError
from simcore.data.trajectory import Trajectory
from simcore.memory import CoreState, Unrolled
from simcore.runs import RunFolder
from simcore.training.loop import train
from tinier import tinier


def make_run(folder: Path, **changes: Any) -> LoadedRun:
    config = tinier(learning__updates=2, **changes)
    train(config, RunFolder.create(folder, config.to_dict()))
    return load_run(RunFolder.open(folder), "cpu")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


class Tagged(nn.Module):
    """A core and a frame model in one that carry the tag (start time, last action, steps) into the frame."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Tensor] = []

    def forward(self, inputs: Tensor, state: CoreState) -> Unrolled:
        steps = torch.arange(1.0, len(inputs) + 1).view(-1, *[1] * (inputs.dim() - 1)).expand(*inputs.shape[:-1], 1)
        start = state.hidden[..., :1].expand(*inputs.shape[:-1], 1)
        return Unrolled(torch.cat([start, inputs.argmax(-1, keepdim=True).float(), steps], -1), state, None)

    def sample(self, condition: Tensor, noise: torch.Generator) -> Tensor:
        self.asked.append(condition)
        return torch.zeros(len(condition), 8, 8, 3, dtype=torch.uint8)


def test_a_rollout_is_one_long_simulation_from_the_last_frame_seen(
    run: LoadedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged = Tagged()
    context, steps, worlds = 4, 5, 2
    run = replace(run, system=deepcopy(run.system))
    agent, simulation = run.system.agent, run.system.simulation
    unroll = agent.unroll

    def timed(trajectory: Any, snapshots_at: Any) -> Unrolled:
        assert len(trajectory.frames) == context, "no later frame can reach the belief"
        unrolled = unroll(trajectory, snapshots_at)
        times = torch.arange(context).view(-1, 1, 1).expand_as(unrolled.snapshots.hidden).float()
        return unrolled._replace(snapshots=CoreState(times, times))

    monkeypatch.setattr(agent, "unroll", timed)
    monkeypatch.setattr(simulation, "core", tagged)
    monkeypatch.setattr(simulation, "frame_model", tagged)
    rollout = roll_out(run, worlds, context, steps)

    trajectory = run.collect("rollout/0", worlds, context + steps)
    simulated, ahead = (asked.view(-1, worlds, 3).unbind(-1) for asked in tagged.asked)
    for (start, action, length), starts, lengths, actions in (
        (simulated, [3, 3, 3, 3, 3], [1, 2, 3, 4, 5], trajectory.actions[context:]),
        (ahead, [0, 1, 2], [1, 1, 1], trajectory.actions[1:context]),
    ):
        assert start[:, 0].tolist() == starts
        assert length[:, 0].tolist() == lengths
        assert torch.equal(action.long(), actions)
    assert torch.equal(rollout.frames, trajectory.frames)
    assert torch.equal(rollout.true.pictures, trajectory.targets["map"])
    assert torch.equal(rollout.true.cells, trajectory.targets["cell"])
    since_seen = trajectory.targets["since_seen"]
    assert torch.equal(rollout.true.since_seen[:context], since_seen[:context])
    assert (rollout.true.since_seen[context:] == since_seen[context - 1]).all(), "the belief sees nothing more"
    assert not torch.equal(rollout.true.since_seen, since_seen)
    assert rollout.samples.shape == rollout.frames[context:].shape
    assert rollout.expected.shape == rollout.frames[:context].shape
    for part in rollout.believed:
        assert len(part) == context, "no map is decoded where nothing is seen"


def tampered(monkeypatch: pytest.MonkeyPatch, change: Callable[[Trajectory], Trajectory]) -> None:
    """Let held-out trajectories be changed before they are looked at."""
    live = LoadedRun.collect
    monkeypatch.setattr(LoadedRun, "collect", lambda *arguments: change(live(*arguments)))


@pytest.mark.parametrize("core", ["lstm", "slots", "kanerva"])
def test_no_frame_after_the_context_reaches_a_rollout(
    core: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", core=core)
    context = 4

    def other_from(begin: int) -> Callable[[Trajectory], Trajectory]:
        def change(trajectory: Trajectory) -> Trajectory:
            frames = trajectory.frames.clone()
            frames[begin:] = 255 - frames[begin:]
            return trajectory._replace(frames=frames)

        return change

    first = roll_out(run, 2, context, 5)
    with monkeypatch.context() as patch:
        tampered(patch, other_from(context))
        unseen = roll_out(run, 2, context, 5)
    for part, same in zip(
        (first.samples, first.expected, *first.believed),
        (unseen.samples, unseen.expected, *unseen.believed),
        strict=True,
    ):
        assert torch.equal(part, same)
    assert not torch.equal(first.frames, unseen.frames)

    # A net of two updates draws much the same whatever it is asked: what it is asked tells more.
    asked = Tagged()
    monkeypatch.setattr(run.system.simulation, "frame_model", asked)
    roll_out(run, 2, context, 5)
    tampered(monkeypatch, other_from(context - 1))
    seen = roll_out(run, 2, context, 5)
    assert not torch.equal(first.believed.certainty, seen.believed.certainty)
    (simulated, ahead), (other_simulated, other_ahead) = asked.asked[:2], asked.asked[2:]
    assert not torch.equal(simulated, other_simulated)
    assert torch.equal(ahead, other_ahead), "the last frame of the context was expected before it was seen"


def test_a_rollout_ends_with_its_episode(run: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def ending(trajectory: Trajectory) -> Trajectory:
        is_first = trajectory.is_first.clone()
        is_first[7, 1] = True  # the second world's episode has seven frames
        return trajectory._replace(is_first=is_first)

    tampered(monkeypatch, ending)
    rollout = roll_out(run, 2, 4, 5)
    assert rollout.lengths == [9, 7]
    assert rollout.frames[6:, 0].any()
    for part in (rollout.frames, rollout.true.pictures, rollout.samples):
        assert part[-3, 1].any()
        assert not part[-2:, 1].any()
    assert roll_out(run, 2, None, 4).context == 3, "an episode that ends early is left early"
    assert roll_out(run, 2, None, 9 - 2).context == 2
    longer = roll_out(run, 2, 8, 1)
    assert longer.lengths == [9, 9], "worlds whose episodes are too short make room for others"
    assert longer.frames[8, 1].any()


@pytest.mark.parametrize(
    ("frames", "context", "told"),
    [
        (7, 7, "all of 16 episodes end after 7 frames at most, and the belief is to see 7: take a smaller --context"),
        (
            2,
            None,
            "after 2 frames at most, .* a roll-out wants 2 of them, and 1 more to imagine",
        ),
        (1, None, "all of 16 episodes end after 1 frames at most"),
    ],
)
def test_it_is_told_if_no_episode_is_long_enough(
    frames: int, context: int | None, told: str, run: LoadedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ending(trajectory: Trajectory) -> Trajectory:
        is_first = trajectory.is_first.clone()
        is_first[::frames] = True
        return trajectory._replace(is_first=is_first)

    tampered(monkeypatch, ending)
    with pytest.raises(UserError, match=told):
        roll_out(run, 2, context, 1)


def test_fewer_worlds_are_shown_if_few_episodes_are_long_enough(
    run: LoadedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = iter(range(100))

    def ending(trajectory: Trajectory) -> Trajectory:
        is_first = trajectory.is_first.clone()
        is_first[3] = True
        if next(batches) == 2:
            is_first[3, 1] = False
        return trajectory._replace(is_first=is_first)

    tampered(monkeypatch, ending)
    rollout = roll_out(run, 2, 4, 5)
    assert rollout.lengths == [9]
    assert torch.equal(rollout.frames, run.collect("rollout/0/2", 2, 9).frames[:, 1:])


def test_scores_end_with_their_episode(run: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure(run, 2, controls=())["belief"]

    def ending(trajectory: Trajectory) -> Trajectory:
        is_first = trajectory.is_first.clone()
        is_first[5, 0] = True
        is_first[7, 1] = True
        targets = trajectory.targets | {"cell": trajectory.targets["cell"].clone()}
        targets["cell"][5:, 0] = targets["cell"][7:, 1] = 0  # of the next episodes
        return trajectory._replace(is_first=is_first, targets=targets)

    tampered(monkeypatch, ending)
    cut = measure(run, 2, controls=())
    belief = cut["belief"]
    for name, error in belief.errors.items():
        assert (error.cells[5:, 0] == 0).all()
        assert (error.cells[7:, 1] == 0).all()
        np.testing.assert_array_equal(error.squared[:5], whole.errors[name].squared[:5])
        assert np.isnan(belief.by_time()[name][7:]).all()
    known, all_known = belief.accuracies["cell_accuracy"], whole.accuracies["cell_accuracy"]
    assert np.isnan(known[5:, 0]).all()
    np.testing.assert_array_equal(known[:7, 1], all_known[:7, 1])
    assert belief.overall()["cell_accuracy"] == pytest.approx((all_known[:5, 0].sum() + all_known[:7, 1].sum()) / 12)
    assert belief.error_by_age.cells.sum() < whole.error_by_age.cells.sum()
    assert np.isfinite(cut["constant"].overall()["map_mse"])


def test_a_figure_of_one_step_shows_no_later_episode(run: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def ending(trajectory: Trajectory) -> Trajectory:
        is_first = trajectory.is_first.clone()
        is_first[3, 1] = True
        return trajectory._replace(is_first=is_first)

    tampered(monkeypatch, ending)
    maps = decoded_maps(run, 5, seed=0, worlds=8)
    trajectory = run.collect("figure/maps", 8, 6)
    assert torch.equal(maps.true.pictures[1], trajectory.targets["map"][2, 1])
    assert torch.equal(maps.true.pictures[0], trajectory.targets["map"][5, 0])


def test_a_rollout_is_half_an_episode_and_sixteen_steps_if_nothing_is_said() -> None:
    assert rollout_span(40, None, None) == (20, 16)
    assert rollout_span(3001, None, None) == (50, 16)
    assert rollout_span(9, None, None) == (4, 5)
    assert rollout_span(40, None, 30) == (10, 30)
    assert rollout_span(40, 35, None) == (35, 5)


@pytest.mark.parametrize(("context", "steps"), [(1, 3), (3, 0), (6, 4), (9, None), (None, 8)])
def test_rollouts_that_do_not_fit_an_episode_are_refused(
    run: LoadedRun, context: int | None, steps: int | None
) -> None:
    with pytest.raises(UserError, match="at most an episode's 9 frames"):
        roll_out(run, 1, context, steps)
    with pytest.raises(UserError, match="0 worlds"):
        roll_out(run, 0)
