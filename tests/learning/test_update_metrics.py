"""What an update measures of itself; the ratio of two gradients against two whole backward passes."""

import copy

import pytest
import torch
from torch import Tensor

from simcore.data.trajectory import Trajectory
from simcore.objectives.actor_critic import actor_critic_loss
from simcore.simulation import draw_offsets, draw_starts
from simcore.training.training import Training
from tinier import tinier_acting

CORES = ["lstm", "slots", "kanerva"]


def make_training(core: str, **changes: object) -> Training:
    return Training(tinier_acting(core=core, learning__worlds=3, **changes), torch.device("cpu"))


def slow_ratio(training: Training, trajectory: Trajectory) -> float:
    """Go back once through everything from the model's loss, and once from the other, each time on an unroll anew."""
    learner, config = training.learner, training.config
    norms = []
    for which in ("model", "acting"):
        system = copy.deepcopy(training.system)
        assert system.simulation is not None
        generator, noise = (
            torch.Generator().set_state(random.get_state()) for random in learner.generators["frame_model"]
        )
        options = config.simulation
        starts = draw_starts(len(trajectory.frames), options.overshoot, options.starts, generator)
        beliefs = system.agent.unroll(trajectory, starts)
        assert beliefs.snapshots is not None
        if which == "model":
            offsets = draw_offsets(options.overshoot, options.frames, generator)
            overshoot = system.simulation.overshoot(beliefs.snapshots, trajectory, starts, offsets)
            loss = options.cost * system.simulation.loss(overshoot, trajectory, noise).loss
        else:
            policy_value = system.agent.policy_and_value(beliefs.outputs)
            loss = actor_critic_loss(policy_value, trajectory, config.reinforcement, learner.ranks).loss
        torch.autograd.backward(loss)
        gradients = [parameter.grad for parameter in system.agent.core.parameters()]
        norms.append(sum(g.double().square().sum().item() for g in gradients if g is not None) ** 0.5)
    return norms[0] / norms[1]


def take_trajectory(training: Training) -> Trajectory:
    (made,), _ = training.executor.take(1)
    return made.trajectory


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("cost", [1.0, 0.02])
def test_the_ratio_is_that_of_two_whole_backward_passes(core: str, cost: float) -> None:
    training = make_training(core, record__metrics_every=1, simulation__cost=cost)
    ratios = []
    for _ in range(3):
        trajectory = take_trajectory(training)
        expected = slow_ratio(training, trajectory)
        ratios.append(training.learner.step(trajectory).metrics["gradient_ratio"].item())
        assert ratios[-1] == pytest.approx(expected, rel=1e-3)
    assert max(ratios) > 1.01 * min(ratios) > 0


@pytest.mark.parametrize("core", CORES)
def test_it_is_measured_once_a_line_of_metrics_and_changes_nothing(core: str) -> None:
    always, once = (make_training(core, record__metrics_every=every) for every in (1, 3))
    measured = []
    for _ in range(6):
        always.update()
        trajectory = take_trajectory(once)
        measured.append(not once.learner.step(trajectory).metrics["gradient_ratio"].isnan())
    assert measured == [True, False, False, True, False, False]
    state, other = (run.system.state_dict() for run in (always, once))
    assert all(torch.equal(value, other[name]) for name, value in state.items())


@pytest.mark.parametrize("changes", [{"frame_model": "none"}, {"supervised": True}])
def test_where_there_is_one_of_the_two_losses_there_is_no_ratio(changes: dict[str, object]) -> None:
    training = make_training("lstm", **changes)
    training.update()
    metrics = training.take_metrics()
    assert "gradient_ratio" not in metrics
    assert metrics["embedding_spread"] > 0


def test_embeddings_that_are_all_alike_have_no_spread() -> None:
    """And others have the mean over dimensions of their standard deviation over the batch."""
    training = make_training("lstm")
    trajectory = take_trajectory(training)
    embeddings: Tensor = training.system.agent.encoder(trajectory.frames).detach()
    spread = training.learner.step(trajectory).metrics["embedding_spread"]
    assert spread.item() == pytest.approx(embeddings.flatten(0, 1).numpy().std(axis=0, ddof=1).mean(), rel=1e-5)
    with torch.no_grad():
        for parameter in training.system.agent.encoder.parameters():
            parameter.zero_()
    assert training.learner.step(trajectory).metrics["embedding_spread"] == 0.0


def test_whether_the_clip_binds_is_told() -> None:
    norm = make_training("lstm").learner.step(take_trajectory(make_training("lstm"))).metrics["grad_norm"].item()
    for clip, clipped in ((0.999 * norm, 1.0), (1.001 * norm, 0.0)):
        training = make_training("lstm", learning__gradient_clip=clip)
        training.update()
        assert training.take_metrics()["clipped"] == clipped
