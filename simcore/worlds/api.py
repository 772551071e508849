"""The interface of worlds: configuration, probe targets, and what an actor calls."""

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from simcore.common.checks import shown
from simcore.common.errors import UserError
from simcore.common.user_code import UserCodeError
from simcore.worlds.checks import require_valid

Arrays = dict[str, NDArray[Any]]

PREVIOUS_ACTION = "previous_action"
"""The key in `info` of the action that led to a frame."""
LONGEST_EPISODE = 10**9
"""The most steps of an episode: they are counted in 32 bits."""
MAP = "map"
"""The name of the target that is the true map from above, a square picture."""
SINCE_SEEN = "since_seen"
"""The key in `info` of the steps since a frame of the episode last showed each cell of the map, int32 `[B, N, N]`: 0
where this one does, -1 where none has. It is not a target; the map's errors are sorted by it."""
OUT_OF_SIGHT_STEPS = 10
"""Steps out of sight after which cells are scored separately: only a memory can still know them."""

MOST_NUMBERS = 2**24
"""The most numbers of a target."""
Kind = Literal["class", "vector", "picture"]
NO_CLASS = -1
"""The class where there is none; no probe is trained or scored on it."""


@dataclass(frozen=True)
class ProbeTarget:
    """A fact of the world that the agent does not receive, and that a probe is trained to read from the belief.

    `info` of every reset and step holds its value in each of the B worlds: a class as int64 `[B]` from 0 to C - 1,
    or `NO_CLASS`; a vector as float32 `[B, D]`, a picture as uint8 `[B, H, W, 3]`.

    Raises:
        ValueError: the name is not a Python identifier, the kind is unknown, or the shape does not fit the kind.
    """

    name: str
    """The name in metrics, tables, and the probes' state dict."""
    kind: Kind
    """One of a few classes, a vector of numbers, or a picture."""
    shape: tuple[int, ...]
    """The shape of a probe's answer for one belief: (C,) for C classes, (D,) for a vector, (H, W, 3) for a picture."""
    key: str | None = None
    """The key in `info`; None: the name."""

    def __post_init__(self) -> None:
        dimensions = {"class": 1, "vector": 1, "picture": 3}
        require_valid(
            self.name.isidentifier(), f"{self.name!r} cannot be the name of a probe's target: letters, digits, _"
        )
        require_valid(self.kind in dimensions, f"{self.name} is a {self.kind}; allowed are {', '.join(dimensions)}")
        require_valid(
            len(self.shape) == dimensions[self.kind] and min(self.shape) >= 1 and math.prod(self.shape) <= MOST_NUMBERS,
            f"{self.name} is a {self.kind} of shape {shown(self.shape)}; it must have {dimensions[self.kind]} sizes "
            f"above 0, whose product is at most {MOST_NUMBERS}",
        )

    @property
    def info_key(self) -> str:
        """The key in `info`."""
        return self.key or self.name


@dataclass(frozen=True, kw_only=True)
class WorldConfig:
    """The configuration that all worlds share."""

    frame_size: int = 64
    """Side of the square frames in pixels."""
    episode_length: int = 0
    """Steps after which an episode is truncated, if it has not ended sooner; 0: only by the world itself."""

    @property
    def probe_targets(self) -> tuple[ProbeTarget, ...]:
        """The world's probe targets, in the order in which their heads are made; none unless a subclass has some."""
        return ()


class WorldsLostError(UserCodeError):
    """Worlds are gone, for instance because their process was killed; the message says which, and why."""


LARGEST_REWARD = float(np.finfo(np.float32).max)
"""The largest reward that an agent can receive, after scaling."""


class RewardError(UserError):
    """A world gave a reward that cannot be learned from; the message says which, where, when, and what is allowed."""


class Worlds(Protocol):
    """The interface of a batch of B worlds for actors; see `WorldVectorEnv`."""

    num_envs: int
    action_names: tuple[str, ...]
    resumes_episodes: bool
    """Whether `set_state` resumes within the episodes; if not, new ones begin."""

    @property
    def probe_targets(self) -> tuple[ProbeTarget, ...]:
        """The probes' targets in `info`, those of the config; with a `map`, `info` may hold `SINCE_SEEN` too."""
        ...

    @property
    def episode_metrics(self) -> tuple[str, ...]:
        """The names of each episode's metrics besides return and length."""
        ...

    def measure_episodes(self) -> Arrays:
        """Return the current values of the episode metrics by name, float64 `[B]`; NaN where there is no value."""
        ...

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds spent so far, by stage: step and draw (rendering)."""
        ...

    def reset(self, *, seed: int, options: dict[str, Any] | None = None) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode in each world; return frames, uint8 `[B, H, W, 3]`, and info."""
        ...

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take an action (`int64 [B]`) in each world; return frames, rewards, terminated, truncated and info."""
        ...

    @property
    def busy_with(self) -> str:
        """What is working now, for messages about worlds that do not answer; it is read by another thread."""
        ...

    def abandon(self) -> bool:
        """Make the call under way raise, if possible, and return whether it is; called by another thread."""
        ...

    def get_state(self) -> Arrays:
        """Return the full state as a flat dict of plain arrays."""
        ...

    def set_state(self, state: Arrays) -> None:
        """Restore what `get_state` returned."""
        ...

    def observe(self) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Return the current frames and info without a step."""
        ...

    def close(self) -> None:
        """Release the worlds' resources."""
        ...
