"""One update: its learning rates, its clipping and what it reports."""

import pytest
import torch

from simcore.build import make_learner, make_system
from simcore.common.distributed import Ranks
from simcore.common.errors import UserError
from simcore.data.times import Times
from simcore.data.trajectory import Trajectory
from simcore.learning.batch import gather_times
from simcore.training.training import Training
from tinier import tinier


def make_training(**changes: object) -> Training:
    return Training(tinier(**changes), torch.device("cpu"))


def test_belief_and_simulation_warm_up_and_the_rest_does_not() -> None:
    training = make_training(learning__belief_warmup=4, learning__learning_rate=2e-3)
    rates = []
    for _ in range(6):
        training.update()
        rates.append([group["lr"] for group in training.learner.optimizer.param_groups])
    belief, frames, probes = zip(*rates, strict=True)
    assert belief == pytest.approx([5e-4, 1e-3, 1.5e-3, 2e-3, 2e-3, 2e-3])
    assert set(frames) == {2e-3}
    assert set(probes) == {1e-3}


def test_without_a_warm_up_the_rate_is_full_at_once() -> None:
    training = make_training()
    training.update()
    assert training.learner.optimizer.param_groups[0]["lr"] == 1e-3


def test_the_probes_of_an_oracle_learn_at_the_rate_of_its_belief() -> None:
    for supervised, rate in ((True, 2e-3), (False, 5e-3)):
        rates = {"learning__learning_rate": 2e-3, "learning__probe_learning_rate": 5e-3}
        groups = make_training(supervised=supervised, **rates).learner.optimizer.param_groups
        assert groups[-1]["lr"] == rate


def test_adam_has_the_decays_that_were_asked_for() -> None:
    training = make_training(learning__beta1=0.5, learning__beta2=0.75)
    assert {group["betas"] for group in training.learner.optimizer.param_groups} == {(0.5, 0.75)}


def test_roll_outs_begin_no_earlier_than_asked_for() -> None:
    """An unroll of 7 with an overshoot of 3 has the starts 0 to 3."""
    training = make_training(simulation__earliest_start=1)
    trajectory = take_trajectory(training)
    assert {t for _ in range(30) for t in training.learner.prepare(trajectory).snapshots.known} == {1, 2, 3}


def test_processes_sample_the_same_times_and_each_its_own_noise_also_after_a_resume() -> None:
    config = tinier()
    first, second = (make_learner(config, make_system(config), Ranks(rank, 2), seed=3) for rank in range(2))

    def alike(name: str, kind: str) -> bool:
        return torch.equal(*(getattr(learner.generators[name], kind).get_state() for learner in (first, second)))

    for name in first.generators:
        assert alike(name, "host")
        assert not alike(name, "device")
    first.generators["frame_model"].host.manual_seed(9)
    second.load_state_dict(first.state_dict())  # the first process writes the checkpoint of all
    for name in first.generators:
        assert alike(name, "host")
        assert not alike(name, "device")


def test_objectives_get_the_snapshots_of_their_own_times() -> None:
    """A run of several takes those of all of them once."""
    asked = [Times.of(times, torch.device("cpu")) for times in ([4, 1], [2, 4])]
    union, (first, nothing, last) = gather_times([asked[0], None, asked[1]], torch.device("cpu"))
    assert union.known == (1, 2, 4)
    assert nothing is None
    assert [union.rows[rows].tolist() for rows in (first, last)] == [[4, 1], [2, 4]]


def test_every_parameter_is_optimised_once() -> None:
    training = make_training()
    optimised = [id(p) for group in training.learner.optimizer.param_groups for p in group["params"]]
    assert sorted(optimised) == sorted(id(p) for p in training.system.parameters())


def test_the_gradient_is_clipped_and_its_norm_reported() -> None:
    training = make_training(learning__gradient_clip=1e-3)
    training.update()
    reported = training.take_metrics()["grad_norm"]
    groups = training.learner.optimizer.param_groups
    squares = [p.grad.square().sum() for group in groups[:2] for p in group["params"] if p.grad is not None]
    assert torch.stack(squares).sum().sqrt().item() == pytest.approx(1e-3, rel=1e-3)
    assert reported > 1e-2


def test_the_gradient_of_the_probes_is_not_clipped() -> None:
    norms = []
    for clip in (1e-6, 1e6):
        training = make_training(learning__gradient_clip=clip)
        training.update()
        assert training.system.probes is not None
        norms.append(torch.nn.utils.get_total_norm(p.grad for p in training.system.probes.parameters()).item())
    assert norms[0] == pytest.approx(norms[1])
    assert norms[0] > 1e-3


def test_the_multiplier_reported_is_the_one_that_was_used() -> None:
    training = make_training(geco__kappa=0.01, geco__rate=0.5, geco__initial=50.0)
    metrics = {name: value.item() for name, value in training.learner.step(take_trajectory(training)).metrics.items()}
    assert metrics["frame_model/lambda"] == pytest.approx(50.0)
    per_dimension = metrics["frame_model/kl"] + 50.0 * (metrics["frame_model/error"] - 0.01)
    assert metrics["frame_model/loss"] == pytest.approx(8 * 8 * 3 * per_dimension, rel=1e-5)
    assert training.system.simulation.frame_model.multiplier.item() > 60.0


def take_trajectory(training: Training) -> Trajectory:
    (made,), _ = training.executor.take(1)
    return made.trajectory._replace(initial_state=training.system.agent.initial_state(3))


@pytest.mark.parametrize("frame_model", ["convdraw", "deterministic", "contrastive"])
def test_where_no_target_counts_the_multiplier_stays_and_there_is_nothing_to_report(frame_model: str) -> None:
    training = make_training(frame_model=frame_model, geco__rate=0.5)
    assert training.system.simulation is not None
    model, trajectory = training.system.simulation.frame_model, take_trajectory(training)
    # Episodes of one frame each: no target is in its start's episode.
    without_targets = trajectory._replace(is_first=torch.ones_like(trajectory.is_first))
    training.learner.step(trajectory)
    before = {name: value.clone() for name, value in model.named_buffers()}
    assert before
    metrics = training.learner.step(without_targets).metrics
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    assert {name for name, value in metrics.items() if value.isnan()} == {
        f"frame_model/{name}" for name in ("loss", "kl", "error", "memory_share")
    }
    assert metrics["frame_model/weight"] == 0.0
    assert all(parameter.isfinite().all() for parameter in training.system.parameters())
    training.learner.step(trajectory)
    changed = any(not torch.equal(value, before[name]) for name, value in model.named_buffers())
    assert changed == (frame_model == "convdraw")


def test_learning_lowers_the_model_loss_on_fresh_worlds() -> None:
    training = make_training(learning__learning_rate=3e-3)
    errors = []
    for _ in range(60):
        training.update()
        errors.append(training.take_metrics()["frame_model/error"])
    assert sum(errors[-10:]) < 0.5 * sum(errors[:10])


def test_a_run_that_was_begun_with_another_loss_does_not_go_on_with_this_one() -> None:
    state = make_training().learner.state_dict()
    del state["loss"]
    with pytest.raises(UserError, match="train a new one"):
        make_training().learner.load_state_dict(state)
