"""What a world is to the rest of SimCore, whoever made it."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

PREVIOUS_ACTION = "previous_action"
"""The entry of info by which an environment tells the action that led to a frame."""


def require(condition: bool, message: str) -> None:
    """Raise `ValueError(message)` unless the condition holds."""
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True, kw_only=True)
class WorldConfig:
    """What is known of every world, ours or other people's."""

    frame_size: int = 64
    """Side of the square frames in pixels."""
    episode_length: int = 0
    """Steps after which an episode is truncated, if it has not ended sooner; 0: only where the world itself says."""


class Worlds(Protocol):
    """What an actor asks of a batch of worlds; see `WorldVectorEnv`."""

    num_envs: int
    action_names: tuple[str, ...]
    resumes_episodes: bool
    """Whether `set_state` goes on within the episodes; if not, new ones begin."""

    @property
    def food_left(self) -> NDArray[np.int64] | None:
        """The food that is left in each world, `[B]`; None where there is no such thing."""
        ...

    @property
    def seconds(self) -> dict[str, float]:
        """The time spent so far, by stage: step and draw."""
        ...

    def reset(self, *, seed: int, options: dict[str, Any] | None = None) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode in each world."""
        ...

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take an action in each world."""
        ...

    def get_state(self) -> Arrays:
        """Return all that the future depends on."""
        ...

    def set_state(self, state: Arrays) -> None:
        """Go on from a state."""
        ...

    def observe(self) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Return the present frames and info again."""
        ...

    def close(self) -> None:
        """Give back what the worlds hold."""
        ...


def checked_actions(actions: NDArray[np.int64], num_envs: int, num_actions: int) -> NDArray[np.int64]:
    """Return a batch's actions, `int64 [B]`.

    Raises:
        ValueError: they are not B integers in `0 .. A - 1`.
    """
    chosen = np.asarray(actions)
    # Not by `require`: writing an array into a message at every step would cost a quarter of the frame rate.
    if chosen.shape != (num_envs,) or chosen.dtype.kind not in "iu":
        raise ValueError(f"actions are {chosen.dtype} {chosen.shape}; they must be integers of shape ({num_envs},)")
    chosen = chosen.astype(np.int64)
    if chosen.view(np.uint64).max() >= num_actions:  # what is below 0 is largest there
        raise ValueError(f"actions are {chosen}; allowed are 0 to {num_actions - 1}")
    return chosen
