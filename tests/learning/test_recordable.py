"""An update that is done alike whatever its times are, as a CUDA graph is, against the plain one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from fake_gpu import GPU, FakeGPU, fake_gpu
from simcore.config import Config
from simcore.errors import UserError
from simcore.learning.learner import Learner
from simcore.training import Training, check, make_system
from test_on_a_device import FRAME_MODELS, KINDS, name_of, take
from tinier import tinier, tinier_acting

CPU = torch.device("cpu")


@pytest.mark.parametrize("model", FRAME_MODELS)
@pytest.mark.parametrize("make", KINDS)
def test_blind_updates_are_the_plain_ones(make: Callable[..., Config], model: str) -> None:
    plain, blind = (
        Training(make(frame_model=model, graph=graph, probes__map_convdraw=True, record__metrics_every=3), CPU)
        for graph in (False, True)
    )
    for _ in range(5):
        for training in (plain, blind):
            training.update()
    told = blind.take_metrics()
    for name, value in plain.take_metrics().items():
        if not name.startswith("seconds"):
            assert told[name] == pytest.approx(value, rel=1e-4, abs=1e-6, nan_ok=True), name
    for name, value in plain.system.state_dict().items():
        torch.testing.assert_close(blind.system.state_dict()[name], value, rtol=1e-3, atol=1e-5, msg=name)


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
        learner = Learner(make_system(config).to(GPU), config, seed=0)
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
    with pytest.raises(UserError, match="the device is cpu"):
        check(tinier(graph=True))
