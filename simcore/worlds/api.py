"""What a world is to the rest of SimCore, whoever made it."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

PREVIOUS_ACTION = "previous_action"
"""The entry of info by which an environment tells the action that led to a frame."""


def require(condition: bool, message: str) -> None:
    """Raise `ValueError(message)` unless the condition holds."""
    if not condition:
        raise ValueError(message)


MAP = "map"
"""The target that is the true map from above, a square picture."""
SINCE_SEEN = "since_seen"
"""The key in `info` of the steps since a frame of the episode last showed each cell of the map, int32 `[B, N, N]`: 0
where this one does, -1 where none has. No target, but what the map's errors are sorted by."""

Kind = Literal["class", "vector", "picture"]


@dataclass(frozen=True)
class ProbeTarget:
    """Something that a world knows and the agent does not, which a probe is trained to read from the belief.

    `info` of every reset and step holds it for each of the B worlds: a class as int64 `[B]` from 0 to C - 1, a vector
    as float32 `[B, D]`, a picture as uint8 `[B, H, W, 3]`.

    Raises:
        ValueError: the name is none that Python could have, the kind is unknown, or the shape is none of that kind's.
    """

    name: str
    """What it is called in metrics, in tables, and in the probes' state dict."""
    kind: Kind
    """What it is: one of a few classes, a vector of numbers, or a picture."""
    shape: tuple[int, ...]
    """What a probe tells of it for one belief: (C,) for a class of C, (D,) for a vector, (H, W, 3) for a picture."""
    key: str | None = None
    """Its key in `info`; None: the name."""

    def __post_init__(self) -> None:
        dimensions = {"class": 1, "vector": 1, "picture": 3}
        require(self.name.isidentifier(), f"{self.name!r} cannot be the name of a probe's target: letters, digits, _")
        require(self.kind in dimensions, f"{self.name} is a {self.kind}; allowed are {', '.join(dimensions)}")
        require(
            len(self.shape) == dimensions[self.kind] and min(self.shape) >= 1,
            f"{self.name} is a {self.kind} of shape {self.shape}; it must have {dimensions[self.kind]} sizes above 0",
        )

    @property
    def info_key(self) -> str:
        """Its key in `info`."""
        return self.key or self.name


@dataclass(frozen=True, kw_only=True)
class WorldConfig:
    """What is known of every world, ours or other people's."""

    frame_size: int = 64
    """Side of the square frames in pixels."""
    episode_length: int = 0
    """Steps after which an episode is truncated, if it has not ended sooner; 0: only where the world itself says."""

    @property
    def probe_targets(self) -> tuple[ProbeTarget, ...]:
        """What the world tells for probes, in the order in which their heads are made; nothing, unless it says so."""
        return ()


class Worlds(Protocol):
    """What an actor asks of a batch of worlds; see `WorldVectorEnv`."""

    num_envs: int
    action_names: tuple[str, ...]
    resumes_episodes: bool
    """Whether `set_state` goes on within the episodes; if not, new ones begin."""

    @property
    def probe_targets(self) -> tuple[ProbeTarget, ...]:
        """What `info` holds for probes, the config's `probe_targets`; beside a `map` perhaps `SINCE_SEEN`."""
        ...

    @property
    def episode_metrics(self) -> tuple[str, ...]:
        """The names of what is told of each episode beside its return and length."""
        ...

    def measure_episodes(self) -> Arrays:
        """Return what is to be told of the episodes as they are now, by name, float64 `[B]`; NaN where nothing is."""
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
