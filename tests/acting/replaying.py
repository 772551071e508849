"""What a training learned from is kept and then made again, bit for bit, by fresh actors in this process."""

import copy
import itertools
import os
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from simcore.acting import Actor, Collected
from simcore.agent import Agent
from simcore.build import make_actor, make_system
from simcore.common.tree import leaves
from simcore.config.run import Config
from simcore.training.training import Training


def assert_never_half_written(agent: Agent, publish: Callable[[int], None], load: Callable[[Agent], int]) -> None:
    """Publish versions of weights, all of them the version's number, while another thread loads them."""
    own = copy.deepcopy(agent)

    def fill(version: int) -> None:
        with torch.no_grad():
            for parameter in agent.parameters():
                parameter.fill_(version)
        publish(version)

    fill(0)
    writer = threading.Thread(target=lambda: [fill(version) for version in range(1, 301)])
    writer.start()
    seen = set()
    while writer.is_alive():
        version = load(own)
        seen.add(version)
        assert all(bool((parameter == version).all()) for parameter in own.parameters())
    writer.join()
    assert load(own) == 300
    assert len(seen) > 5, "the two did not run side by side"


class Watched(Training):
    """A training that remembers what it used, and the weights of each version."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, torch.device("cpu"))
        self.used: list[Collected] = []
        self.weights = {0: self._weights()}
        book = self.ledger.book

        def remember(collected: Collected) -> None:
            book(collected)
            self.used.append(collected)

        self.ledger.book = remember  # type: ignore[method-assign]

    def update(self) -> None:
        super().update()
        self.weights[self.updates] = self._weights()

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.system.agent.state_dict().items()}


def assert_used_once_and_whole(training: Watched) -> None:
    """Each trajectory was used once, in its actor's order, and is what that actor makes with the weights it names."""
    config = training.config
    by_actor = defaultdict(list)
    for collected in training.used:
        by_actor[collected.actor].append(collected)
    assert training.ledger.used == len(training.used) == training.updates * config.trajectories_per_update
    for number, parts in by_actor.items():
        assert [collected.turn for collected in parts] == list(range(len(parts)))
        assert_replays(parts, config, number, training.weights)


def assert_replays(parts: list[Collected], config: Config, number: int, weights: dict[int, dict[str, Tensor]]) -> None:
    agent = make_system(config).agent.requires_grad_(False)
    actor = make_actor(config, number, agent)
    for given in parts:
        agent.load_state_dict(weights[given.version])
        expected = actor.collect(config.learning.unroll_length, given.version)
        assert repr(given.episodes) == repr(expected.episodes)  # as NaN is not equal to itself
        pairs = zip(leaves(given.trajectory), leaves(expected.trajectory), strict=True)
        assert all(one.dtype == two.dtype and torch.equal(one, two) for one, two in pairs)


def noting_actor(config: Config, notes: Path, number: int, agent: Agent, updates_before: int = 0) -> Actor:
    """Make an actor that leaves a file in `notes` for each trajectory that it begins, and one for each it has made.

    They are called `begun-<number>-<turn>` and `made-<number>-<turn>`, and hold the number of its process.
    """
    actor = make_actor(config, number, agent, updates_before)
    collect, turns = actor.collect, itertools.count()

    def noting(length: int, version: int = 0, *more: Any) -> Collected:
        turn = next(turns)
        (notes / f"begun-{number}-{turn}").write_text(str(os.getpid()))
        collected = collect(length, version, *more)
        (notes / f"made-{number}-{turn}").write_text(str(os.getpid()))
        return collected

    actor.collect = noting  # type: ignore[method-assign]
    return actor


def noted(notes: Path, what: str) -> list[tuple[int, int]]:
    """Return the number and the turn of all that was begun, or made, so far."""
    parts = (path.name.split("-") for path in notes.glob(f"{what}-*"))
    return [(int(number), int(turn)) for _, number, turn in parts]


def breaking_actor(
    config: Config, breaks: dict[int, int], error: BaseException, number: int, agent: Agent, updates_before: int = 0
) -> Actor:
    """Make an actor that raises an error in a turn of its own: `breaks` tells which, by the actor's number."""
    actor = make_actor(config, number, agent, updates_before)
    step, taken = actor.worlds.step, 0

    def breaking(actions: Any) -> Any:
        nonlocal taken
        taken += 1
        if number in breaks and taken > (breaks[number] + 0.5) * config.learning.unroll_length:
            raise error
        return step(actions)

    actor.worlds.step = breaking  # type: ignore[method-assign]
    return actor


def root_cause(error: BaseException) -> BaseException:
    """The exception that an error came of, at the end of its causes."""
    return error if error.__cause__ is None else root_cause(error.__cause__)
