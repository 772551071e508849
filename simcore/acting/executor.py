"""Who drives the actors: one interface for one process, threads and a cluster."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from simcore.acting.actor import Actor
from simcore.agent import Agent
from simcore.common.checks import require, require_positive
from simcore.data.rollouts import Rollout


@dataclass(frozen=True)
class ActingConfig:
    """Who makes the trajectories."""

    actors: int = 1
    """N, actors; each has worlds, and unless serial weights, of its own."""
    worlds: int = 0
    """Worlds of each actor; 0: learning.worlds, so that one trajectory is a batch."""
    queue: int = 2
    """Trajectories that may wait for the learner (threads, processes), or that each actor may owe it (ray)."""
    replacements: int = 100
    """Actors that may die and be replaced before the run gives up (ray)."""
    stagger: bool = True
    """Where the agent acts in our levels: begin the first episodes part way to their time limit, each elsewhere, so
    that worlds do not all end at once and a batch holds every stage of an episode."""

    def __post_init__(self) -> None:
        require_positive("acting", self, "actors", "queue")
        for name in ("worlds", "replacements"):
            require(getattr(self, name) >= 0, f"acting.{name} must be 0 or more, not {getattr(self, name)}")


MakeActor = Callable[[int, Agent], Actor]
"""Makes the actor of a number, which acts with the agent that it is given."""


class RolloutBatch(NamedTuple):
    """What an executor hands over for one batch."""

    rollouts: tuple[Rollout, ...]
    """In the order in which they were made ready."""
    waited: float
    """Seconds that the learner waited for actors that work beside it."""


class Executor(ABC):
    """Runs N actors and hands over what they make, each trajectory once.

    Use it in a `with` block, at whose end its actors stop.
    """

    replaced: int = 0
    """Actors that died and were replaced."""

    @abstractmethod
    def publish(self, version: int) -> None:
        """Give the learner's present weights, which have seen `version` updates, to the actors."""

    @abstractmethod
    def take(self, count: int) -> RolloutBatch:
        """Return the next `count` trajectories.

        Raises:
            ActorError: an actor failed and is not replaced; its own traceback is part of the message.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run goes on from; empty where worlds then begin anew."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        assert not state, "an executor that keeps something takes it up again itself"

    @abstractmethod
    def close(self) -> None:
        """Stop the actors."""

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class ActorError(RuntimeError):
    """An actor failed; the message holds its traceback."""
