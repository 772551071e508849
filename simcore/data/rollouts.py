"""What an actor hands over, and the book that sees to it that each piece is used once."""

from typing import NamedTuple

from simcore.data.trajectory import Trajectory


class Episode(NamedTuple):
    """An episode that has ended."""

    reward: float
    """Its undiscounted return, unscaled."""
    length: int
    """Actions that were taken."""
    metrics: dict[str, float]
    """What the world told of it, by name, such as `food`, the part of its food that was eaten; or NaN."""
    world: int
    """The world's number in its actor's batch."""


class Rollout(NamedTuple):
    """A trajectory, and where it comes from."""

    trajectory: Trajectory
    actor: int
    """The number of its actor; one that replaces another has a number of its own."""
    turn: int
    """How many trajectories that actor made before this one."""
    version: int
    """The updates that the actor's weights had seen when the trajectory began."""
    episodes: tuple[Episode, ...]
    """The episodes that ended in it."""
    seconds: dict[str, float]
    """What its making took, by stage: act, step and draw."""


class Ledger:
    """Books every trajectory that is used, and refuses one that was used before or that comes out of turn."""

    def __init__(self) -> None:
        self.used = 0
        """Trajectories used so far."""
        self._next: dict[int, int] = {}

    def book(self, rollout: Rollout) -> None:
        """Book a trajectory.

        Raises:
            RuntimeError: it is not the next one of its actor.
        """
        expected = self._next.get(rollout.actor, 0)
        if rollout.turn != expected:
            raise RuntimeError(
                f"actor {rollout.actor} handed over trajectory {rollout.turn}; the next to use is {expected}"
            )
        self._next[rollout.actor] = expected + 1
        self.used += 1

    def state_dict(self) -> dict[str, int | list[tuple[int, int]]]:
        """Return the book."""
        return {"used": self.used, "next": list(self._next.items())}

    def load_state_dict(self, state: dict[str, int | list[tuple[int, int]]]) -> None:
        """Go on with a book that `state_dict` returned."""
        used, following = state["used"], state["next"]
        assert isinstance(used, int)
        assert isinstance(following, list)
        self.used, self._next = used, dict(following)
