"""Actors called in turn by the learner; nothing runs in parallel, so a run is reproducible to the bit."""

from collections.abc import Sequence
from typing import Any

from simcore.acting.actor import Actor
from simcore.acting.executor import CollectedBatch, Executor, actor_error
from simcore.worlds.api import RewardError, WorldsLostError


class Serial(Executor):
    """Calls its actors one after the other, each time a trajectory is taken.

    Args:
        actors: they act with the learner's weights, so there is no lag.
        length: Lu, the steps of a trajectory.
    """

    def __init__(self, actors: Sequence[Actor], length: int) -> None:
        self.actors = actors
        self.length = length
        self._version = 0
        self._turn = 0

    def publish(self, version: int) -> None:
        """Record the version; the actors share the learner's weights."""
        self._version = version

    def take(self, count: int) -> CollectedBatch:
        """Let the next `count` actors make a trajectory each."""
        parts = []
        for _ in range(count):
            actor = self.actors[self._turn]
            try:
                parts.append(actor.collect(self.length, self._version))
            except (RewardError, WorldsLostError) as error:
                raise actor_error(actor.number, error) from error
            self._turn = (self._turn + 1) % len(self.actors)
        return CollectedBatch(tuple(parts), 0.0)

    def state_dict(self) -> dict[str, Any]:
        """Return the actors' states, worlds included, so that a resumed run is the same to the bit."""
        return {"turn": self._turn, "actors": [actor.state_dict() for actor in self.actors]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: there is no such turn, or another number of actors; or as `Actor.load_state_dict`.
        """
        if state["turn"] not in range(len(self.actors)):
            raise ValueError(f"the turn is {state['turn']!r}, of {len(self.actors)} actors")
        self._turn = state["turn"]
        for actor, saved in zip(self.actors, state["actors"], strict=True):
            actor.load_state_dict(saved)

    def close(self) -> None:
        """Release the actors' worlds."""
        for actor in self.actors:
            actor.worlds.close()
