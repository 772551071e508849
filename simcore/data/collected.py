"""Trajectories, as actors hand them over, and the ledger that ensures that each is used once."""

from typing import NamedTuple

from simcore.data.trajectory import Trajectory


class Episode(NamedTuple):
    """The statistics of an ended episode."""

    reward: float
    """Its undiscounted return, unscaled."""
    length: int
    """The number of actions taken."""
    metrics: dict[str, float]
    """The world's metrics of the episode by name, such as `food`, the fraction eaten; NaN where there is no value."""
    world: int
    """The world's number in its actor's batch."""
    terminated: bool = False
    """Whether it ended by itself, and not by a time limit."""


class Collected(NamedTuple):
    """A trajectory and its origin."""

    trajectory: Trajectory
    actor: int
    """The number of its actor; an actor that replaces another has a new number."""
    turn: int
    """The number of trajectories that the actor made before this one."""
    version: int
    """The number of updates of the actor's weights when the trajectory began."""
    episodes: tuple[Episode, ...]
    """The whole episodes that ended in it: not those that a staggered run began in the middle of their time limit."""
    seconds: dict[str, float]
    """Seconds spent on it, by stage: act, step and draw."""


class Ledger:
    """Records every trajectory that is used, and refuses one that was used before or is out of order."""

    def __init__(self) -> None:
        self.used = 0
        """Trajectories used so far."""
        self._next: dict[int, int] = {}

    def book(self, collected: Collected) -> None:
        """Record the use of a trajectory.

        Raises:
            RuntimeError: the trajectory is not the next one of its actor.
        """
        expected = self._next.get(collected.actor, 0)
        if collected.turn != expected:
            raise RuntimeError(
                f"actor {collected.actor} handed over trajectory {collected.turn}; the next to use is {expected}"
            )
        self._next[collected.actor] = expected + 1
        self.used += 1

    def state_dict(self) -> dict[str, int | list[tuple[int, int]]]:
        """Return the ledger's state."""
        return {"used": self.used, "next": list(self._next.items())}

    def load_state_dict(self, state: dict[str, int | list[tuple[int, int]]]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: it is something else.
        """
        used, following = state["used"], state["next"]
        if type(used) is not int or used < 0 or not isinstance(following, list):
            raise ValueError(f"{str(state)[:60]} is no ledger")
        self.used, self._next = used, dict(following)
