"""The whole run: that it learns from every part, and what it records and refuses."""

import copy
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from simcore.acting import ActorError
from simcore.build import make_actor, make_system
from simcore.common.devices import choose_device
from simcore.common.distributed import Ranks
from simcore.common.errors import UserError
from simcore.common.seeding import derive_seed
from simcore.common.watchdog import StoppedWaiting
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.data.trajectory import Trajectory, join_trajectories
from simcore.learning.batch import Batch, UpdateResult
from simcore.learning.fault import NonFiniteLossError
from simcore.learning.learner import Learner
from simcore.memory import CoreState
from simcore.runs import RunFolder, read_metrics
from simcore.training.loop import train
from simcore.training.statistics import STAGES
from simcore.training.training import Training
from states import assert_same_state, newest_state
from tinier import changed, tinier, tinier_acting
from trained import trained_run

CPU = torch.device("cpu")
WATCHED = (
    *(f"frame_model/{name}" for name in ("loss", "kl", "error", "weight", "lambda")),
    *(f"probes/{name}" for name in ("loss", "map_mse", "cell_accuracy", "heading_accuracy")),
)


def test_one_update_trains_every_parameter() -> None:
    training = Training(tinier(learning__updates=1), CPU)
    before = {name: value.clone() for name, value in training.system.named_parameters()}
    training.update()
    unchanged = [name for name, value in training.system.named_parameters() if torch.equal(value, before[name])]
    # The decoded map begins at its mean, so that what leads to its colours learns from the second update on.
    behind_colours = [name for name in before if name.startswith(("probes.map.features", "probes.map.neighbours"))]
    # What meets this weight is the first encoder and decoder state, both zero.
    assert unchanged == ["simulation.frame_model.steps.0.encode_states.weight", *behind_colours]
    training.update()
    after = dict(training.system.named_parameters())
    assert not any(torch.equal(after[name], before[name]) for name in behind_colours)


def test_probes_leave_the_belief_alone() -> None:
    """Training with and without a probe's gradient gives the same agent."""
    with_probes, without = (Training(tinier(), CPU) for _ in range(2))
    for parameter in without.system.probes.parameters():
        parameter.requires_grad_(False)
    for training in (with_probes, without):
        training.update()
        training.update()
    assert_same_state(with_probes.system.agent.state_dict(), without.system.agent.state_dict())
    assert_same_state(with_probes.system.simulation.state_dict(), without.system.simulation.state_dict())


def test_one_update_with_a_map_model_trains_every_parameter_of_it() -> None:
    training = Training(tinier(learning__updates=1, probes__map_convdraw=True), CPU)
    assert training.system.map_model is not None
    before = {name: value.clone() for name, value in training.system.map_model.named_parameters()}
    optimised = [id(p) for group in training.learner.optimizer.param_groups for p in group["params"]]
    assert sorted(optimised) == sorted(id(p) for p in training.system.parameters()), "each is optimised once"
    training.update()
    now = dict(training.system.map_model.named_parameters())
    # What meets this weight is the first encoder and decoder state, both zero.
    assert [name for name in now if torch.equal(now[name], before[name])] == ["draw.steps.0.encode_states.weight"]
    assert training.system.map_model.draw.geco.updates == 1


def test_a_map_model_changes_nothing_else() -> None:
    with_model, without = Training(tinier(probes__map_convdraw=True), CPU), Training(tinier(), CPU)
    for training in (with_model, without):
        training.update()
        training.update()
    for part in ("agent", "simulation", "probes"):
        one, two = (getattr(training.system, part).state_dict() for training in (with_model, without))
        assert_same_state(one, two)


@pytest.mark.parametrize("config", [tinier(supervised=True), tinier_acting(supervised=True)])
def test_the_oracle_is_trained_by_the_probes_alone(config: Config) -> None:
    """Without the probes' gradient the belief stays as it was; with it, all of it moves."""
    training, untaught = Training(config, CPU), Training(config, CPU)
    assert training.system.simulation is None
    for parameter in untaught.system.probes.parameters():
        parameter.requires_grad_(False)
    loss = untaught.system.probes.loss
    untaught.system.probes.loss = lambda beliefs, *rest: loss(beliefs.detach(), *rest)
    belief = ("agent.encoder", "agent.core")
    for run, all_move in ((training, True), (untaught, False)):
        before = {n: p.clone() for n, p in run.system.named_parameters() if n.startswith(belief)}
        assert before
        if not all_move and run.system.agent.heads is None:
            continue  # nothing at all would be learned
        run.update()
        moved = {n: not torch.equal(p, before[n]) for n, p in run.system.named_parameters() if n in before}
        assert set(moved.values()) == {all_move}


def test_maps_have_a_weight_of_their_own_where_the_probes_train_the_belief() -> None:
    def loss(weight: float, **changes: Any) -> float:
        training = Training(tinier(probes__map_weight=weight, **changes), CPU)
        training.update()
        return training.take_metrics()["probes/loss"]

    assert loss(1.0) == loss(100.0)
    assert loss(1.0, supervised=True) < loss(100.0, supervised=True)


def test_one_step_ahead_with_two_frames_to_be_modelled_trains() -> None:
    """Table 2's Lo = 1 and Ng = 2: what it does is what Ng = 1 does."""
    runs = [Training(tinier(simulation__overshoot=1, simulation__frames=frames), CPU) for frames in (2, 1)]
    for run in runs:
        run.update()
        run.update()
    assert runs[0].config.simulation.frames == 2
    assert_same_state(runs[0].state_dict(), runs[1].state_dict())


def test_purposes_draw_different_seeds() -> None:
    purposes = ("worlds", "walker", "held-out/0")
    assert len({derive_seed(seed, purpose) for seed in range(50) for purpose in purposes}) == 150


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


def test_the_map_model_has_a_kappa_of_its_own() -> None:
    training = Training(tinier(probes__map_convdraw=True, probes__map_kappa=0.02), CPU)
    assert training.system.map_model is not None
    assert training.system.map_model.multiplier.item() == pytest.approx(12.5)


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


@pytest.mark.parametrize("frame_model", ["deterministic", "contrastive"])
@pytest.mark.parametrize("core", ["slots", "kanerva"])
@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_another_frame_model_trains_every_core_of_an_agent_that_acts(
    executor: str, core: str, frame_model: str
) -> None:
    training = Training(tinier_acting(executor=executor, core=core, frame_model=frame_model), CPU)
    before = {name: value.clone() for name, value in training.system.simulation.named_parameters()}
    with training.executor:
        for _ in range(3):
            training.update()
    still = [name for name, value in training.system.simulation.named_parameters() if torch.equal(value, before[name])]
    assert still == []


@pytest.mark.parametrize("core", ["slots", "kanerva"])
def test_every_weight_of_a_core_with_a_memory_is_trained(core: str) -> None:
    training = Training(tinier(core=core), CPU)
    before = {name: parameter.detach().clone() for name, parameter in training.system.named_parameters()}
    for _ in range(3):
        training.update()
    still = [name for name, value in training.system.named_parameters() if torch.equal(value, before[name])]
    assert not [name for name in still if "core" in name]
