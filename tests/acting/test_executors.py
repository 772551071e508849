"""What every executor promises: the same trajectories, each used once, from weights of a known version."""

import itertools
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from replaying import (
    Watched,
    assert_never_half_written,
    assert_replays,
    assert_used_once_and_whole,
    breaking_actor,
    noted,
    noting_actor,
    root_cause,
)

from simcore import build
from simcore.acting import ActorError, Collected, Executor, Ledger, OnRay, Processes, Serial, Threads, threads
from simcore.acting.executor import MakeActor
from simcore.acting.threads import Weights
from simcore.agent import Agent
from simcore.build import make_actor, make_executor, make_system
from simcore.common.distributed import Ranks
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.runs import RunFolder
from simcore.training.loop import train
from tinier import tinier, tinier_acting
from waiting import PATIENCE, wait_until

ACTORS = 2
ROOM = 3


@pytest.fixture(autouse=True)
def patient_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads may take their time to end: a trajectory is slow to make on a busy machine."""
    monkeypatch.setattr(threads, "CLOSING", PATIENCE)


@pytest.fixture(params=["serial", "threads", "processes", "ray"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "ray":
        request.getfixturevalue("ray")
    return request.param


def make_agent(config: Config) -> Agent:
    torch.manual_seed(0)
    return make_system(config).agent


def start(kind: str, make: MakeActor, agent: Agent, length: int) -> Executor:
    if kind == "serial":
        return Serial([make(number, agent) for number in range(ACTORS)], length)
    if kind == "threads":
        return Threads(make, agent, range(ACTORS), length, ROOM)
    if kind == "processes":
        return Processes(make, agent, range(ACTORS), length, ROOM)
    return OnRay(make, agent, itertools.count(), ACTORS, length, ROOM)


def actor_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("actor")]


@pytest.mark.parametrize("core", ["lstm", "slots", "kanerva"])
def test_a_training_uses_each_trajectory_once_and_all_executors_make_the_same(kind: str, core: str) -> None:
    """The same as actors make in turn, with the weights of the version that each trajectory names."""
    changes = {"executor": kind, "core": core, "learning__worlds": 4, "acting__worlds": 2, "acting__actors": 2}
    run = Watched(tinier_acting(**changes))
    with run.executor:
        for _ in range(5):
            run.update()
        metrics = run.take_metrics()
    assert_used_once_and_whole(run)
    lags = [update - used.version for update in range(5) for used in run.used[2 * update : 2 * update + 2]]
    assert (metrics["lag/mean"], metrics["lag/max"]) == (sum(lags) / len(lags), max(lags))
    assert min(lags) >= 0
    assert kind != "serial" or max(lags) == 0
    assert metrics["trajectories"] == 10
    assert metrics["replaced"] == 0
    assert not actor_threads()


def test_the_walker_walks_alike_on_all_executors(kind: str) -> None:
    run = Watched(tinier(executor=kind, acting__actors=2))
    with run.executor:
        for _ in range(5):
            run.update()
    assert {used.trajectory.initial_state for used in run.used} == {None}
    assert_used_once_and_whole(run)


def test_an_actor_that_is_ahead_waits(kind: str, tmp_path: Path) -> None:
    config = tinier_acting()
    ahead = 1 + ROOM + ACTORS  # each holds one more in hand
    made = {"serial": 1, "threads": ahead, "processes": ahead, "ray": ACTORS * ROOM}[kind]
    with start(kind, partial(noting_actor, config, tmp_path), make_agent(config), 7) as executor:
        executor.take(1)
        wait_until(lambda: len(noted(tmp_path, "made")) >= made)
        time.sleep(0.5)  # in which one that does not wait would make more
        assert len(noted(tmp_path, "made")) == made


def test_new_weights_are_used_soon_and_named_truly(kind: str) -> None:
    """Their version is not a label alone: what is made with it is what these weights make."""
    config = tinier_acting()
    agent = make_agent(config)
    weights = {0: {name: value.clone() for name, value in agent.state_dict().items()}}
    with start(kind, partial(make_actor, config), agent, config.learning.unroll_length) as executor:
        taken: list[Collected] = list(executor.take(1).parts)
        with torch.no_grad():
            for parameter in agent.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        weights[7] = agent.state_dict()
        executor.publish(7)
        # An actor may be slow to start, so the old trajectories need not be the first: their number is what is bounded.
        while {collected.actor for collected in taken if collected.version == 7} != set(range(ACTORS)):
            taken += executor.take(1).parts
    ahead = 1 + ROOM + ACTORS
    old = {"serial": 1, "threads": ahead, "processes": ahead, "ray": ACTORS * ROOM}[kind]
    assert [collected.version for collected in taken].count(0) <= old
    for number in range(ACTORS):
        own = [collected for collected in taken if collected.actor == number]
        assert [collected.version for collected in own] == sorted(collected.version for collected in own)
        assert_replays(own, config, number, weights)


@pytest.mark.parametrize("error", [ValueError("the world broke"), SystemExit("the world broke")])
def test_an_actor_that_raises_ends_a_run_on_threads_and_is_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """With a queue that is full while it raises."""
    config = tinier_acting(executor="threads", acting__actors=3, acting__queue=1, learning__updates=1000)
    monkeypatch.setattr(build, "make_actor", lambda config, *rest, **more: broken(*rest, **more))
    broken = partial(breaking_actor, config, {1: 2}, error)
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    message = (
        rf"actor 1 failed: {type(error).__name__}: the world broke \(.*replaying.py:\d+, in .*breaking\).*--resume"
    )
    with pytest.raises(UserError, match=message) as caught:
        train(config, folder)
    assert root_cause(caught.value) is error
    assert not actor_threads()


def test_who_asks_again_after_a_failure_is_told_again() -> None:
    config = tinier_acting()
    broken = partial(breaking_actor, config, {0: 0, 1: 0}, ValueError("the world broke"))
    with start("threads", broken, make_agent(config), 7) as executor:
        for _ in range(2 * ACTORS):
            with pytest.raises(ActorError, match="the world broke"):
                executor.take(1)


def idle_actor(number: int, agent: Agent) -> Any:
    """Make an actor that takes no time for its trajectories, which are empty."""
    turns, nothing = itertools.count(), cast(Any, None)
    return SimpleNamespace(
        number=number,
        hung=None,
        worlds=SimpleNamespace(close=lambda: None),
        collect=lambda length, version: Collected(nothing, number, next(turns), version, (), {}),
    )


def test_actors_that_wait_for_room_get_it_in_turn() -> None:
    """None is passed over, which would make its trajectory old."""
    with Threads(idle_actor, make_agent(tinier_acting()), range(3), 7, queue_size=1) as executor:
        executor.take(3)
        order = []
        for _ in range(12):
            wait_until(lambda: len(executor._queue.not_full._waiters) == 3)  # all are back in the line
            order += [collected.actor for collected in executor.take(1).parts]
    line = order[1:]  # the first had its room before
    assert sorted(line[:3]) == [0, 1, 2]
    assert line[3:] == line[:-3]


@pytest.mark.parametrize("taken", [0, 1])
def test_threads_end_with_the_executor_whatever_they_do(taken: int) -> None:
    config = tinier_acting()
    with start("threads", partial(make_actor, config), make_agent(config), 200) as executor:
        executor.take(taken)
        assert len(actor_threads()) == ACTORS
    assert not actor_threads()


def test_a_published_version_is_never_seen_half_written() -> None:
    agent = make_agent(tinier_acting())
    weights = Weights(agent)
    assert_never_half_written(agent, weights.publish, weights.load_into)


def test_ranks_share_no_actors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do the actors that replace others."""
    given: list[list[int]] = []
    monkeypatch.setattr(
        build, "OnRay", lambda make, agent, numbers, *rest: given.append(list(itertools.islice(numbers, 20)))
    )
    config = tinier_acting(executor="ray", acting__actors=3)
    for rank in range(4):
        make_executor(config, make_agent(config), 0, Ranks(rank, 4))
        assert given[rank][:3] == [3 * rank, 3 * rank + 1, 3 * rank + 2]
    assert len({number for numbers in given for number in numbers}) == 4 * 20


@pytest.mark.parametrize(("config", "noise"), [(tinier(), "streams"), (tinier_acting(), "generator")])
def test_no_two_actors_meet_the_same_worlds_or_draw_the_same(config: Config, noise: str) -> None:
    """Nor does one that begins anew after some updates, in a run that was resumed."""
    agent = make_agent(config)
    actors = [make_actor(config, number, agent, begun) for number in range(3) for begun in (0, 4)]
    draws = {actor.policy.state_dict()[noise].numpy().tobytes() for actor in actors}
    maps = [actor.collect(1).trajectory.targets["map"][0] for actor in actors]
    worlds = {each.numpy().tobytes() for of_actor in maps for each in of_actor}
    assert len(draws) == len(actors)
    assert len(worlds) == len(actors) * config.learning.worlds


def book(ledger: Ledger, actor: int, turn: int) -> None:
    ledger.book(Collected(cast(Any, None), actor, turn, 0, (), {}))


def test_the_book_refuses_what_was_used_and_what_is_out_of_turn() -> None:
    ledger = Ledger()
    for actor, turn in ((0, 0), (5, 0), (0, 1), (5, 1)):
        book(ledger, actor, turn)
    for actor, turn in ((0, 1), (0, 0), (5, 3), (7, 1)):
        with pytest.raises(RuntimeError, match=f"actor {actor} handed over trajectory {turn}"):
            book(ledger, actor, turn)
    assert ledger.used == 4
    again = Ledger()
    again.load_state_dict(ledger.state_dict())
    with pytest.raises(RuntimeError, match="actor 0 handed over trajectory 1; the next to use is 2"):
        book(again, 0, 1)
    book(again, 0, 2)
    assert again.used == 5
