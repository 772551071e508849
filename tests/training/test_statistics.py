"""What is logged between two lines of metrics."""

import math

import pytest
import torch

from simcore.acting import CollectedBatch, Episode
from simcore.common.distributed import Ranks
from simcore.training.statistics import Statistics
from simcore.training.training import Training
from tinier import tinier, tinier_acting

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def handed() -> CollectedBatch:
    return Training(tinier(), CPU).executor.take(1)


def test_a_metric_is_the_mean_of_the_updates_that_had_it(handed: CollectedBatch) -> None:
    statistics = Statistics(tinier(), CPU)
    for value in ({"a": 1.0, "b": math.nan, "c": math.nan}, {"a": 3.0, "b": 5.0, "c": math.nan}):
        statistics.add({name: torch.tensor(number) for name, number in value.items()}, {}, handed, 0, 0.1)
    means, _ = statistics.take(Ranks())
    assert (means["a"], means["b"]) == (2.0, 5.0)
    assert math.isnan(means["c"])
    statistics.add({"a": torch.tensor(7.0), "b": torch.tensor(0.0), "c": torch.tensor(1)}, {}, handed, 1, 0.1)
    later, _ = statistics.take(Ranks())
    assert (later["a"], later["b"], later["c"]) == (7.0, 0.0, 1.0), "nothing of before is left"
    assert statistics.take(Ranks(), torch.ones(2)) == ({}, [1.0, 1.0])


def test_a_metric_with_a_weight_is_the_mean_over_terms(handed: CollectedBatch) -> None:
    statistics = Statistics(tinier(), CPU)
    for value, weight in ((1.0, 0.75), (5.0, 0.25), (9.0, 0.0), (math.nan, 0.0)):
        scalars = {"a": torch.tensor(value), "b": torch.tensor(weight)}
        statistics.add(scalars, {"a": torch.tensor(weight)}, handed, 0, 0.1)
    means, _ = statistics.take(Ranks())
    assert (means["a"], means["b"]) == (2.0, 0.25)
    statistics.add({"a": torch.tensor(9.0)}, {"a": torch.tensor(0.0)}, handed, 0, 0.1)
    assert math.isnan(statistics.take(Ranks())[0]["a"])


def test_seconds_are_those_of_an_update_also_after_an_interruption(handed: CollectedBatch) -> None:
    first, second = Statistics(tinier(), CPU), Statistics(tinier(), CPU)
    for _ in range(40):
        first.add({"a": torch.tensor(1.0)}, {}, handed, 0, 3.0)
    second.load_state_dict(first.state_dict())
    for _ in range(10):
        second.add({"a": torch.tensor(6.0)}, {}, handed, 0, 10.0)
    means, _ = second.take(Ranks())
    assert means["seconds/learn"] == pytest.approx(10.0), "of this process, which may be on another machine"
    assert means["a"] == pytest.approx(2.0), "of all 50 updates"


def test_episodes_have_the_means_of_what_there_is(handed: CollectedBatch) -> None:
    """Also those that a checkpoint of an older version holds, which told the part of the food alone."""
    config = tinier_acting()
    told = [(2.0, 5, {"food": 0.5, "doors": 3.0}, 0), (4.0, 7, {"food": math.nan, "doors": 4.0}, 1)]
    first = Statistics(config, CPU, ("food", "doors"))
    collected = handed.parts[0]._replace(episodes=tuple(Episode(*each) for each in told))
    first.add({"a": torch.tensor(1.0)}, {}, handed._replace(parts=(collected,)), 0, 0.1)
    second = Statistics(config, CPU, ("food", "doors"))
    second.load_state_dict(first.state_dict())
    means, _ = second.take(Ranks())
    expected = {"episodes": 2.0, "return": 3.0, "length": 6.0, "food": 0.5, "doors": 3.5}
    assert {name: means[name] for name in expected} == expected

    old = first.state_dict() | {"episodes": [(2.0, 5, 0.25, 0), (4.0, 7, math.nan, 1)]}
    third = Statistics(config, CPU, ("food",))
    third.load_state_dict(old)
    assert third.take(Ranks())[0]["food"] == 0.25


def test_what_was_summed_goes_on_after_a_restart_unless_other_metrics_follow(handed: CollectedBatch) -> None:
    first = Statistics(tinier(), CPU)
    first.add({"a": torch.tensor(1.0), "b": torch.tensor(math.nan)}, {}, handed, 0, 0.1)
    for following, expected in (({"a": 3.0, "b": 4.0}, {"a": 2.0, "b": 4.0}), ({"c": 9.0}, {"c": 9.0})):
        second = Statistics(tinier(), CPU)
        second.load_state_dict(first.state_dict())
        second.add({name: torch.tensor(number) for name, number in following.items()}, {}, handed, 1, 0.1)
        means, also = second.take(Ranks(), torch.tensor([5.0]))
        assert also == [5.0]
        assert {name: value for name, value in means.items() if len(name) == 1} == expected
