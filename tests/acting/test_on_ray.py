"""Faults on Ray: actors that are killed, raise or fall silent are replaced, and nothing that they made is spoiled."""

import itertools
import json
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from replaying import Watched, assert_used_once_and_whole, breaking_actor, noted, noting_actor, root_cause

from commands import Launch
from simcore import build
from simcore.acting import Actor, ActorError, OnRay
from simcore.acting.on_ray import HOPELESS, connect
from simcore.agent import Agent
from simcore.build import make_actor, make_executor, make_system
from simcore.cli import main
from simcore.common.distributed import Ranks
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.runs import RunFolder, checkpoints, read_metrics
from simcore.training.loop import train
from simcore.worlds.api import RewardError
from tinier import tinier_acting
from waiting import PATIENCE, wait_for_lines

KILLS = 6


def start(make: Any, agent: Agent, actors: int = 1, **options: Any) -> OnRay:
    return OnRay(make, agent, itertools.count(), actors, 7, 2, **options)


def make_agent(config: Config) -> Agent:
    torch.manual_seed(0)
    return make_system(config).agent


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What our own logger warns of; on a busy machine Ray and asyncio have things to say too."""
    records = [record for record in caplog.records if record.name.startswith("simcore")]
    return [record.getMessage() for record in records if record.levelno >= logging.WARNING]


def replace_make_actor(monkeypatch: pytest.MonkeyPatch, make: Callable[..., Actor]) -> None:
    """Let trainings make their actors by `make(number, agent, updates_before=...)`; it has the configuration."""
    monkeypatch.setattr(build, "partial", lambda function, config, **more: partial(make, **more))


class Killer(threading.Thread):
    """Kills actors in or after their third trajectory: in turn a process amid one, and anywhere by Ray's own means."""

    def __init__(self, executor: OnRay, notes: Path) -> None:
        super().__init__(name="killer")
        self.executor = executor
        self.notes = notes
        self.killed: list[int] = []
        self.stop = False

    def run(self) -> None:
        random = np.random.default_rng(0)
        while not self.stop and len(self.killed) < KILLS:
            amid = len(self.killed) % 2 == 0
            alive = {actor.number: actor for actor in list(self.executor._actors)}
            made = set(noted(self.notes, "made"))
            under_way = set(noted(self.notes, "begun")) - made
            ready = [number for number, turn in (under_way if amid else made) if turn >= 2 and number in alive]
            ready = [number for number in ready if number not in self.killed]
            if not ready:
                time.sleep(0.002)
            elif amid:
                os.kill(int((self.notes / f"begun-{ready[0]}-0").read_text()), signal.SIGKILL)
                self.killed.append(ready[0])
            else:
                number = int(random.choice(ready))
                time.sleep(random.uniform(0, 0.05))
                self.executor._ray.kill(alive[number].handle)
                self.killed.append(number)


@pytest.mark.usefixtures("ray")
def test_actors_are_killed_again_and_again_and_nothing_is_used_twice_or_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All that was learned from is made again, bit for bit, by actors that nobody kills."""
    config = tinier_acting(executor="ray", learning__worlds=6, acting__worlds=3, acting__actors=2, acting__queue=3)
    replace_make_actor(monkeypatch, partial(noting_actor, config, tmp_path))
    run = Watched(config)
    with run.executor as executor:
        assert isinstance(executor, OnRay)
        killer = Killer(executor, tmp_path)
        killer.start()
        try:
            deadline = time.monotonic() + PATIENCE
            while executor.replaced < KILLS or {used.actor for used in run.used[-8:]} & {*killer.killed}:
                assert time.monotonic() < deadline
                run.update()
        finally:
            killer.stop = True
            killer.join()
    assert len(killer.killed) == KILLS == run.take_metrics()["replaced"]
    assert len({used.actor for used in run.used}) > 2, "none that replaced another was heard of"
    assert_used_once_and_whole(run)
    warnings = said(caplog)
    assert len(warnings) == KILLS
    assert all("\n" not in line and "replaces it: The actor died" in line for line in warnings)
    begun, made = (noted(tmp_path, what) for what in ("begun", "made"))
    cut = len([1 for number, turn in set(begun) - set(made) if number in killer.killed])
    assert cut > 0, "the test wants an actor killed in the middle of a trajectory"
    used = (
        f"{len(begun)} trajectories begun, {len(made)} made, {run.ledger.used} used once each in {run.updates} updates"
    )
    print(f"{KILLS} actors killed, {cut} in the middle of a trajectory; {used}")


@pytest.mark.usefixtures("ray")
def test_an_actor_that_raises_is_replaced_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it made before is used; what it was asked for after is not."""
    config = tinier_acting(executor="ray")
    replace_make_actor(monkeypatch, partial(breaking_actor, config, {0: 2}, ValueError("the world broke")))
    run = Watched(config)
    with run.executor:
        for _ in range(5):
            run.update()
    assert [(used.actor, used.turn) for used in run.used] == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    assert run.take_metrics()["replaced"] == 1
    assert_used_once_and_whole(run)
    (line,) = said(caplog)
    assert re.match(r"actor 0 failed, actor 1 replaces it: ValueError: the world broke \(.*, in .*breaking\)$", line)


def refuse(number: int, agent: Agent) -> Actor:
    raise ValueError(f"no worlds for actor {number}")


@pytest.mark.usefixtures("ray")
def test_actors_that_cannot_even_be_made_end_the_run(caplog: pytest.LogCaptureFixture) -> None:
    config = tinier_acting()
    last = HOPELESS - 1
    message = rf"^actor {last} failed, after {last} that were replaced: ValueError: no worlds for .*in refuse\)$"
    with start(refuse, make_agent(config)) as executor, pytest.raises(ActorError, match=message):
        executor.take(1)
    assert executor.replaced == last
    for number, line in zip(range(last), said(caplog), strict=True):
        told = f"actor {number} failed, actor {number + 1} replaces it: ValueError: no worlds for actor {number} ("
        assert line.startswith(told)


@pytest.mark.usefixtures("ray")
def test_a_run_ends_after_its_last_replacement_with_the_actors_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tinier_acting(executor="ray", acting__replacements=0)
    replace_make_actor(monkeypatch, partial(breaking_actor, config, {0: 1}, ValueError("the world broke")))
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    message = r"update 2: actor 0 failed.*ValueError: the world broke \(.*, in .*breaking\).*--resume"
    with pytest.raises(UserError, match=message) as caught:
        train(config, folder)
    assert "raise error" in str(root_cause(caught.value))


@pytest.mark.usefixtures("ray")
def test_a_run_goes_on_on_ray_and_back(tmp_path: Path) -> None:
    """From a recorded cluster that is gone, too."""
    config = tinier_acting(learning__updates=2, record__metrics_every=1, ray_address="gone:6379")
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    assert train(config, folder)
    command = ["train", "--resume", str(folder.path), "--learning.updates"]
    main([*command, "4", "--executor", "ray", "--ray-address", "None", "--acting.queue", "1"])
    main([*command, "6", "--executor", "serial"])
    assert [line["update"] for line in read_metrics(folder.metrics)] == [1, 2, 3, 4, 5, 6]
    changes = [json.loads(line)["changed"] for line in (folder.path / "changes.jsonl").read_text().splitlines()]
    assert [change.get("executor") for change in changes] == [["serial", "ray"], ["ray", "serial"]]
    assert changes[0]["ray_address"] == ["gone:6379", None]


@pytest.mark.usefixtures("ray")
def test_a_mistake_of_the_users_ends_the_run_at_once_in_one_line_after_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another actor would make the same."""
    config = tinier_acting(executor="ray", record__checkpoint_every=100)
    replace_make_actor(monkeypatch, partial(breaking_actor, config, {0: 1}, RewardError("the reward is nan")))
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    message = r"^update 2: actor 0 failed: the reward is nan; the last good checkpoint is .*update_00000001.pt; "
    with pytest.raises(UserError, match=message):
        train(config, folder)


def sleepy(config: Config, number: int, agent: Agent) -> Actor:
    actor = make_actor(config, number, agent)
    actor.collect = lambda length, version=0: time.sleep(1000)  # type: ignore[method-assign]
    return actor


@pytest.mark.usefixtures("ray")
def test_an_actor_that_falls_silent_counts_as_dead() -> None:
    config = tinier_acting()
    options = {"replacements": 1, "patience": 2.0}
    begin = time.monotonic()
    with (
        start(partial(sleepy, config), make_agent(config), **options) as executor,
        pytest.raises(ActorError, match=r"actor 1 failed.* no trajectory in \d+ s; .*ray status"),
    ):
        executor.take(1)
    assert executor.replaced == 1
    assert time.monotonic() - begin < PATIENCE


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    config = tinier_acting(executor="ray")
    with pytest.raises(UserError, match=r"^Ray is not installed: pip install 'simcore\[ray\]'$"):
        make_executor(config, make_agent(config), 0, Ranks())


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere.invalid:6379"])
def test_a_cluster_that_is_not_there_is_named(address: str) -> None:
    ray = pytest.importorskip("ray")
    with pytest.raises(UserError, match=f"^cannot reach a Ray cluster at {address}: .*cluster.md$"):
        connect(ray, address, actors=1)


def test_a_run_on_a_ray_of_its_own_stops_politely(tmp_path: Path, launch: Launch) -> None:
    """At SIGTERM, which Ray would handle by an end at once, it writes its checkpoint."""
    pytest.importorskip("ray")
    config = tinier_acting(executor="ray", learning__updates=100_000, record__checkpoint_every=100_000)
    folder = RunFolder.create(tmp_path / "run", config.to_dict())
    process = launch("train", "--resume", folder.path)
    wait_for_lines(folder.metrics, process)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert "Stopped, with a checkpoint" in output
    newest = checkpoints.latest(folder.checkpoints)
    assert newest is not None
    assert checkpoints.load(newest).update > 0
