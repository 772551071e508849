"""What the live view shows: one moment of the world and of the beliefs in it, and imagined futures."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]


class Place(NamedTuple):
    """The true map, and where the agent is in it."""

    map: Frame
    """The map from above, uint8 `[M, M, 3]`."""
    since_seen: NDArray[np.int32]
    """Steps since a frame last showed each cell, `[M, M]`; -1: none has."""
    cell: int
    """The agent's cell, row * M + column; -1 off the map."""
    heading: int
    """Its heading in turns, clockwise from up."""
    x: float
    """Where it stands, in cells from the map's left edge; NaN where the map is not in the frame of the start."""
    y: float
    """The same, from the map's upper edge."""
    guess_error: float
    """The squared error, per dimension, of the best constant guess of the map."""
    guess_probability: float
    """The probability of the agent's cell by a guess that knows how often each cell is visited; NaN off the map."""


class Reading(NamedTuple):
    """What a probe reads of a target that is neither map, cell nor heading."""

    name: str
    true: Any
    """The true class, vector or picture."""
    believed: Any
    """What is read: the most likely class, a vector or a picture."""
    probability: float
    """The probability of the true class; NaN for vectors and pictures."""


@dataclass(frozen=True)
class BelievedMoment:
    """What one belief holds at a moment. What there is no net for is None or NaN."""

    expected: Frame | None
    """A frame that was sampled one step ahead, before this one came, `[H, W, 3]`; blindfolded, the imagined one."""
    error: float = np.nan
    """The squared error of `expected`, per dimension of a frame, on the scale [0, 1]."""
    surprise: float = np.nan
    """KL(posterior || prior) of the frame in nats: what it revealed beyond what was expected."""
    map: Frame | None = None
    """The map read from the belief, uint8 `[M, M, 3]`."""
    certainty: NDArray[np.float32] | None = None
    """1 where samples of the map model agree, 0 where they differ as different worlds do, `[M, M]`."""
    cell: NDArray[np.float32] | None = None
    """The probability of each cell, `[M * M]`."""
    heading: NDArray[np.float32] | None = None
    """The probability of each heading."""
    map_error: float = np.nan
    """The squared error of `map`, per dimension, on the scale [0, 1]."""
    cell_probability: float = np.nan
    """The probability of the true cell; NaN off the map."""
    heading_probability: float = np.nan
    """The probability of the true heading."""
    others: tuple[Reading, ...] = ()
    """What the other probes read."""


@dataclass(frozen=True)
class Moment:
    """One moment: after a frame, or after a step of a blindfolded agent."""

    number: int
    """Its place on the time line, from 0."""
    seed: int
    """Of the world."""
    step: int
    """Steps since the episode's first frame."""
    action: int | None
    """What led here; None at an episode's first frame."""
    reward: float
    total: float
    """The episode's rewards so far."""
    is_over: bool
    """Whether the episode has ended here."""
    is_blind: bool
    """Whether the beliefs were not shown the frame."""
    frame: Frame
    """What came, as the agent sees it, uint8 `[H, W, 3]`."""
    place: Place | None
    """None in worlds without a map."""
    beliefs: tuple[BelievedMoment, ...]


@dataclass(frozen=True)
class Futures:
    """Futures that beliefs imagine from a moment along one plan of K actions."""

    number: int
    """The moment from which they are imagined."""
    actions: tuple[int, ...]
    """The plan, K actions."""
    true: Frame | None
    """What will come, uint8 `[k, H, W, 3]`, up to the episode's end; None where the world cannot be tried out."""
    samples: tuple[Frame | None, ...]
    """S imagined futures of each belief, uint8 `[S, K, H, W, 3]`; None where its frame model makes no frames."""
    spread: tuple[Frame | None, ...]
    """Where they differ: twice the standard deviation over the samples, uint8 `[K, H, W]`, the mean over colours."""
