"""Updates in which nothing counts: they move nothing, show no figure, and are in no mean."""

import math
from typing import Any

import pytest
import torch

from simcore.training.training import Training
from tinier import tinier, tinier_acting

CPU = torch.device("cpu")
FIGURES = ("loss", "kl", "error", "memory_share")


def make_training(length: int, **changes: Any) -> Training:
    """Random City with episodes so short that often no drawn target lies in its start's episode."""
    return Training(tinier(world__episode_length=length, **changes), CPU)


@pytest.mark.parametrize("length", [1, 2])
def test_in_short_episodes_an_update_without_a_target_moves_no_multiplier_and_shows_no_figure(length: int) -> None:
    training = make_training(length, record__metrics_every=1)
    assert training.system.simulation is not None
    model = training.system.simulation.frame_model
    empty = 0
    for _ in range(30):
        before = {name: value.clone() for name, value in model.named_buffers()}
        training.update()
        metrics = training.take_metrics()
        is_empty = metrics["frame_model/weight"] == 0
        assert {name for name in FIGURES if math.isnan(metrics[f"frame_model/{name}"])} == set(
            FIGURES if is_empty else ()
        )
        assert all(torch.equal(value, before[name]) for name, value in model.named_buffers()) == is_empty
        empty += is_empty
    assert 0 < empty < 30, "the test wants both kinds"


def test_the_multiplier_rises_in_short_episodes_as_long_as_the_error_is_above_kappa() -> None:
    training = make_training(1)
    assert training.system.simulation is not None
    multipliers = []
    for _ in range(40):
        training.update()
        multipliers.append(training.system.simulation.frame_model.multiplier.item())
    assert multipliers == sorted(multipliers)
    assert training.take_metrics()["frame_model/error"] > 10 * training.config.geco.kappa


def test_a_line_of_metrics_weighs_each_update_by_the_targets_that_counted_in_it() -> None:
    every, whole = (make_training(2) for _ in range(2))
    lines = []
    for _ in range(8):
        every.update()
        whole.update()
        lines.append(every.take_metrics())
    weights = [line["frame_model/weight"] for line in lines]
    assert len(set(weights)) > 1
    together = whole.take_metrics()
    for name in ("loss", "kl", "error"):
        terms = [w * line[f"frame_model/{name}"] for w, line in zip(weights, lines, strict=True) if w]
        assert together[f"frame_model/{name}"] == pytest.approx(sum(terms) / sum(weights), rel=1e-5)
    assert together["frame_model/weight"] == pytest.approx(sum(weights) / 8)


def test_where_no_action_was_taken_policy_and_value_learn_nothing_and_show_no_figure() -> None:
    training = Training(tinier_acting(record__metrics_every=1, probes__map_convdraw=False), CPU)
    (made,), _ = training.executor.take(1)
    before = {name: value.clone() for name, value in training.system.state_dict().items() if "heads" in name}
    without = made.trajectory._replace(is_first=torch.ones_like(made.trajectory.is_first))
    result = training.learner.step(without)
    acting = [name for name in result.metrics if name.startswith("acting/")]
    assert len(acting) == 4
    for name in (*acting, "gradient_ratio"):
        assert result.metrics[name].isnan(), name
    assert {name: result.weights[name].item() for name in acting} == dict.fromkeys(acting, 0.0)
    after = training.system.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    training.check()
