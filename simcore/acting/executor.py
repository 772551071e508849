"""The interface of executors, which run the actors: in turn, on threads, in processes or on a cluster."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from simcore.acting.actor import Actor
from simcore.agent import Agent
from simcore.common.checks import CountOrZero, Positive, Range, Width, require_fields
from simcore.common.user_code import in_a_line
from simcore.common.watchdog import PATIENCE
from simcore.data.collected import Collected


@dataclass(frozen=True)
class ActingConfig:
    """The actors, which make the trajectories."""

    actors: Width = 1
    """N, actors; each has its own worlds, and unless serial its own copy of the weights."""
    worlds: Annotated[int, Range(0, 2**20)] = 0
    """Worlds of each actor; 0: learning.worlds, so that one trajectory is a batch."""
    queue: Width = 2
    """Trajectories that may wait for the learner (threads, processes), or are requested of each actor ahead (ray)."""
    replacements: CountOrZero = 100
    """Actors that may die and be replaced before the run gives up (ray)."""
    patience: Positive = PATIENCE
    """Seconds after which a world that has not answered is named. After ten times as long its actor counts as dead:
    the run ends with a checkpoint (threads, processes), or another actor replaces it (ray)."""
    stagger: bool = True
    """If the agent acts in SimCore's levels: begin the first episodes at different parts of their time limit, so that
    they do not all end at once and a batch holds every stage of an episode. Returns are of those after them."""

    def __post_init__(self) -> None:
        require_fields("acting.", self)


MakeActor = Callable[[int, Agent], Actor]
"""Makes an actor from its number and the agent that it acts with."""


class CollectedBatch(NamedTuple):
    """What an executor returns for one batch."""

    parts: tuple[Collected, ...]
    """In the order in which they became ready."""
    waited: float
    """Seconds that the learner waited for actors that run in parallel; 0 if they do not."""


class Executor(ABC):
    """Runs N actors and returns their trajectories, each once.

    Use it in a `with` block, at whose end its actors stop.
    """

    replaced: int = 0
    """Actors that died and were replaced."""

    @abstractmethod
    def publish(self, version: int) -> None:
        """Give the actors the learner's current weights, those after `version` updates."""

    @abstractmethod
    def take(self, count: int) -> CollectedBatch:
        """Return the next `count` trajectories.

        Raises:
            ActorError: an actor failed and is not replaced.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed run continues from; empty if its worlds begin anew."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        assert not state, "an executor with a state must restore it itself"

    @abstractmethod
    def close(self) -> None:
        """Stop the actors."""

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class ActorError(RuntimeError):
    """An actor failed; the cause is its exception, or holds the traceback from another process."""


def actor_error(number: int, error: BaseException) -> ActorError:
    """Return the error that reports an actor's exception, its cause, in one line."""
    failed = ActorError(f"actor {number} failed: {in_a_line(error)}")
    failed.__cause__ = error
    return failed
