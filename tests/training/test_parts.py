"""Each part of a run learns, and leaves the others alone."""

from typing import Any

import pytest
import torch

from simcore.config.run import Config
from simcore.training.training import Training
from states import assert_same_state
from tinier import tinier, tinier_acting

CPU = torch.device("cpu")


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


def test_the_map_model_has_a_kappa_of_its_own() -> None:
    training = Training(tinier(probes__map_convdraw=True, probes__map_kappa=0.02), CPU)
    assert training.system.map_model is not None
    assert training.system.map_model.multiplier.item() == pytest.approx(12.5)


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
