"""The whole run: that it learns from every part, and what it records and refuses."""

import copy
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from simcore.acting import ActorError
from simcore.build import make_actor, make_system
from simcore.common.devices import choose_device
from simcore.common.distributed import Ranks
from simcore.common.errors import UserError
from simcore.common.seeding import derive_seed
from simcore.common.watchdog import StoppedWaiting
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.learning.fault import NonFiniteLossError
from simcore.learning.learner import Learner
from simcore.runs import RunFolder, read_metrics
from simcore.training.loop import train
from simcore.training.statistics import STAGES
from simcore.training.training import Training
from states import newest_state
from tinier import changed, tinier, tinier_acting
from trained import trained_run

CPU = torch.device("cpu")
WATCHED = (
    *(f"frame_model/{name}" for name in ("loss", "kl", "error", "weight", "lambda")),
    *(f"probes/{name}" for name in ("loss", "map_mse", "cell_accuracy", "heading_accuracy")),
)


def test_purposes_draw_different_seeds() -> None:
    purposes = ("worlds", "walker", "held-out/0")
    assert len({derive_seed(seed, purpose) for seed in range(50) for purpose in purposes}) == 150


def test_metrics_are_recorded_at_their_updates(tmp_path: Path) -> None:
    folder = trained_run(tmp_path / "run", tinier(learning__updates=5))
    records = read_metrics(folder.metrics)
    assert [record["update"] for record in records] == [2, 4, 5]
    assert [record["frames"] for record in records] == [42, 84, 105]
    for name in (*WATCHED, *(f"seconds/{stage}" for stage in STAGES), "lag/mean", "lag/max"):
        assert all(isinstance(record[name], float) for record in records), name
    assert [record["trajectories"] for record in records] == [2, 4, 5]
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == [f"update_{u:08}.pt" for u in (2, 4, 5)]


@pytest.mark.parametrize("config", [tinier(probes__map_convdraw=True), tinier_acting(reinforcement__popart=True)])
def test_a_loss_that_is_not_finite_stops_before_the_weights_change(config: Config) -> None:
    training = Training(config, CPU)
    training.update()
    with torch.no_grad():
        bias = training.system.simulation.frame_model.embed_condition.bias.clone()
        training.system.simulation.frame_model.embed_condition.bias.fill_(float("nan"))
    before = copy.deepcopy(training.learner.state_dict())
    training.update()
    with torch.no_grad():  # whatever comes later, nothing changes any more
        training.system.simulation.frame_model.embed_condition.bias.copy_(bias)
        before["system"]["simulation.frame_model.embed_condition.bias"] = bias
    training.update()
    with pytest.raises(NonFiniteLossError, match="loss of frame_model is nan") as raised:
        training.take_metrics()
    assert raised.value.before == 1
    after = training.learner.state_dict()
    for part in ("system", "optimizer"):
        torch.testing.assert_close(after[part], before[part], rtol=0, atol=0)


def test_a_loss_that_is_not_finite_names_the_update_and_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tinier()
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    step, calls = Learner.step, []

    def failing(self: Learner, batch: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            with torch.no_grad():
                self.system.agent.encoder.linear.bias.fill_(float("inf"))
        return step(self, batch)

    monkeypatch.setattr(Learner, "step", failing)
    with pytest.raises(UserError, match=r"update 3: the loss of frame_model is nan; .*update_00000002.pt"):
        train(config, folder)
    assert newest_state(folder)["updates"] == 2


def test_an_unknown_device_is_refused() -> None:
    for name in ("tpu9", "cuda:99"):
        with pytest.raises(UserError, match="there is no device"):
            choose_device(name)


def test_worlds_of_an_agent_that_acts_do_not_end_together() -> None:
    """Or each batch would be of one stage of the episode."""
    length = 20
    config = tinier_acting(learning__worlds=16, world__episode_length=length)
    agent = make_system(config).agent
    ends = make_actor(config, 0, agent).collect(length).trajectory.is_first[1:].float().argmax(0)
    assert len(ends.unique()) > 5
    together = make_actor(changed(config, acting__stagger=False), 0, agent).collect(length - 1)
    assert all(episode.metrics["food"] == 1 for episode in together.episodes), "none ends by time before the limit"


@dataclass(frozen=True)
class OfTwo(Ranks):
    """Ranks of which the other one has a failure, or is asked to stop."""

    other: tuple[bool, ...] = ()
    """Whether the other has nothing to learn from, and whether since something failed."""
    asked: list[bool] = field(default_factory=list)

    def any(self, flag: bool, device: torch.device) -> bool:
        self.asked.append(flag)
        return flag or self.other[len(self.asked) - 1]


@pytest.mark.parametrize(("other", "error"), [((True, True), ActorError), ((True, False), StoppedWaiting)])
def test_what_ends_one_of_several_processes_ends_all(other: tuple[bool, ...], error: type[BaseException]) -> None:
    training = Training(tinier_acting(), CPU)
    training.ranks = OfTwo(other=other)
    with pytest.raises(error):
        training.update()
    assert training.worlds_lost
    assert training.updates == 0
    assert training.ranks.asked == [False, False]


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_a_few_updates_of_a_preset(name: str) -> None:
    training = Training(preset(name), CPU)
    for _ in range(2):
        training.update()
    assert all(torch.isfinite(torch.tensor(list(training.take_metrics().values()))))


def test_a_few_updates_of_the_paper_preset() -> None:
    """All sizes as in the paper but for the batch: two worlds, so that it takes seconds."""
    config = Config.from_dict(preset("paper").to_dict() | {"learning": {"worlds": 2}})
    assert (config.learning.unroll_length, config.simulation.overshoot, config.convdraw.steps) == (100, 12, 8)
    assert (config.simulation.starts, config.simulation.frames, config.agent.hidden_size) == (6, 2, 512)
    assert (config.world.size, config.world.frame_size, config.geco.kappa) == (24, 64, 1e-3)
    training = Training(config, CPU)
    training.update()
    training.update()
    assert all(torch.isfinite(torch.tensor(list(training.take_metrics().values()))))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants a GPU")
def test_updates_on_a_gpu_resume() -> None:
    device = torch.device("cuda")
    first = Training(tinier(device="cuda"), device)
    first.update()
    second = Training(tinier(device="cuda"), device)
    second.load_state_dict(json_free(first.state_dict()))
    second.update()
    assert second.updates == 2


def json_free(state: dict[str, Any]) -> dict[str, Any]:
    """Take the state through a checkpoint's bytes."""
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"simcore-gpu-{os.getpid()}.pt"
    torch.save(state, path)
    loaded: dict[str, Any] = torch.load(path, map_location="cuda", weights_only=True)
    path.unlink()
    return loaded


def test_a_config_survives_json() -> None:
    for config in (tinier(), preset("tiny"), preset("small"), preset("paper")):
        assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("frame_model", ["deterministic", "contrastive"])
@pytest.mark.parametrize("name", ["tiny", "small"])
def test_another_frame_model_learns_at_every_preset(name: str, frame_model: str) -> None:
    training = Training(replace(preset(name), frame_model=frame_model), CPU)
    for _ in range(2):
        training.update()
    metrics = training.take_metrics()
    assert all(torch.isfinite(torch.tensor(list(metrics.values()))))
    dimensions = 3 * training.config.world.frame_size**2
    weight = dimensions * training.config.deterministic.weight if frame_model == "deterministic" else 1.0
    assert metrics["frame_model/loss"] == pytest.approx(weight * metrics["frame_model/error"], rel=1e-5)
    assert metrics["frame_model/kl"] == 0.0
