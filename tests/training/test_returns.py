"""The remark that returns are far from what the value can follow."""

import logging
import math

import pytest

from simcore.training.returns import ReturnsWatch
from tinier import tinier_acting

LOGGER = "simcore.training.returns"


def remarks(caplog: pytest.LogCaptureFixture, *losses: float, **changes: object) -> list[str]:
    """Return what is said of lines of metrics with these value losses, in a run of 10,000 updates."""
    caplog.clear()
    config = tinier_acting(**{"learning__updates": 10_000, "learning__learning_rate": 1e-3} | changes)
    watch = ReturnsWatch(config, belief_size=16)
    with caplog.at_level(logging.WARNING, LOGGER):
        for loss in losses:
            watch.check({"acting/value_loss": loss, "return": 0.0})
    return [record.getMessage() for record in caplog.records]


def test_returns_out_of_the_values_reach_are_remarked_on_once_with_a_scale_that_helps(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (told,) = remarks(caplog, 1e5**2 / 2, 1e5**2 / 2)
    assert "the returns are 1e+05 away from the value, which would need about 5.88e+06 of this run's 10,000 upd" in told
    assert "train anew with --reinforcement.reward-scale 0.0001, or with --reinforcement.popart" in told
    (scaled,) = remarks(caplog, 1e5**2 / 2, reinforcement__reward_scale=0.01)
    assert "--reinforcement.reward-scale 1e-06," in scaled


def test_what_the_value_can_follow_is_not(caplog: pytest.LogCaptureFixture) -> None:
    assert not remarks(caplog, 40**2 / 2), "in a quarter of the run"
    assert not remarks(caplog, 20**2 / 2, learning__updates=10), "that is no large return"
    assert not remarks(caplog, math.nan, math.inf)
    assert not remarks(caplog, 1e5**2 / 2, reinforcement__popart=True)
    assert not ReturnsWatch(tinier_acting(), 16).check({}), "a walker has no value"
