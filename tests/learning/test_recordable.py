"""An update that is done alike whatever its times are, as a CUDA graph is, against the plain one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from courses import assert_alike
from fake_gpu import GPU, FakeGPU, fake_gpu
from simcore.build import make_learner, make_system
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.learning.batch import Batch, UpdateResult
from simcore.learning.recorded import WARM_UP, RecordedUpdate
from simcore.memory import CoreState, Times
from simcore.objectives.frame_prediction import FrameTimes
from simcore.training.loop import check
from test_on_a_device import FRAME_MODELS, KINDS, name_of, take
from tinier import tinier, tinier_acting


@pytest.mark.parametrize("model", FRAME_MODELS)
@pytest.mark.parametrize("make", KINDS)
def test_blind_updates_are_the_plain_ones(make: Callable[..., Config], model: str) -> None:
    plain, blind = (
        make(frame_model=model, graph=graph, probes__map_convdraw=True, record__metrics_every=3)
        for graph in (False, True)
    )
    assert_alike(plain, blind, 5, 1e-4, (1e-3, 1e-5))


@pytest.mark.parametrize(
    "config",
    [
        *(make(graph=True, record__metrics_every=100, probes__map_convdraw=True) for make in KINDS),
        tinier(graph=True, supervised=True),
        tinier_acting(graph=True, frame_model="none", learning__probe_times=3),
    ],
    ids=name_of,
)
def test_a_blind_update_is_the_same_operations_whatever_its_times(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    trajectory, dispatch, done = take(config), FakeGPU.__torch_dispatch__, []

    def note(self: FakeGPU, func: Any, *rest: Any) -> Any:
        done.append(str(func))
        return dispatch(self, func, *rest)

    monkeypatch.setattr(FakeGPU, "__torch_dispatch__", note)
    updates: list[list[str]] = []
    with fake_gpu() as device:
        learner = make_learner(config, make_system(config).to(GPU), seed=0)
        for _ in range(4):
            state = trajectory.initial_state or learner.system.agent.initial_state(config.learning.worlds)
            batch = learner.prepare(trajectory._replace(initial_state=state))
            done.clear()
            learner.step(batch)
            updates.append(list(done))
        assert not device.reads
    _, second, third, fourth = updates  # the first makes the optimiser's moments, or measures
    assert len(second) > 300
    assert second == third == fourth


def test_where_nothing_can_be_recorded_one_line_says_so() -> None:
    with pytest.raises(UserError, match="--core lstm alone, not slots"):
        tinier(core="slots", graph=True)
    with pytest.raises(UserError, match=r"leave out --memory\.plain or --graph"):
        tinier(memory__plain=True, graph=True)
    with pytest.raises(UserError, match="the device is cpu"):
        check(tinier(graph=True))


class FakeGraph:
    """Stands for a CUDA graph: when it is replayed, it does what was recorded, with what is then in its places."""

    def __init__(self) -> None:
        self.replay: Callable[[], None]
        self.generators: list[torch.Generator] = []

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.generators.append(generator)


def test_a_recorded_update_is_replayed_with_each_batch_and_its_results_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trajectory = take(tinier(graph=True))
    calls: list[tuple[Batch, UpdateResult]] = []

    def batch_of(value: float) -> Batch:
        times, state = Times(None, torch.tensor([int(value)])), CoreState(torch.zeros(3, 2), torch.zeros(3, 2))
        filled = trajectory._replace(rewards=torch.full_like(trajectory.rewards, value), initial_state=state)
        return Batch(filled, None, times, (FrameTimes(times, times),), (None,))

    def update(batch: Batch) -> UpdateResult:
        found = batch.trajectory.rewards.mean() + batch.snapshots.rows.sum()
        calls.append(
            (batch, UpdateResult({"found": found}, {}, CoreState(found.expand(3, 2).clone(), torch.zeros(3, 2))))
        )
        return calls[-1][1]

    @contextmanager
    def recording(graph: FakeGraph, capture_error_mode: str) -> Iterator[None]:
        yield
        places, learned = calls[-1]

        def replay() -> None:
            again = update(places)
            learned.metrics["found"].copy_(again.metrics["found"])
            learned.final_state.hidden.copy_(again.final_state.hidden)

        graph.replay = replay

    waiting = SimpleNamespace(wait_stream=lambda other: None)
    for part, stand_in in (
        ("Stream", lambda device: waiting),
        ("current_stream", lambda: waiting),
        ("stream", lambda stream: nullcontext()),
        ("device", lambda device: nullcontext()),
        ("CUDAGraph", FakeGraph),
        ("graph", recording),
    ):
        monkeypatch.setattr(torch.cuda, part, stand_in)
    recorded = RecordedUpdate(update, [torch.Generator()], torch.device("cuda"))
    learned = [recorded(batch_of(value)) for value in range(1, 8)]
    assert [result.metrics["found"].item() for result in learned] == [2.0 * value for value in range(1, 8)]
    assert [result.final_state.hidden[2, 1].item() for result in learned] == [2.0 * value for value in range(1, 8)]
    places = [batch.trajectory.rewards.data_ptr() for batch, _ in calls[WARM_UP:]]
    assert len(set(places)) == 1, "what is recorded looks at the same places every time"
