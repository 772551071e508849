"""What a program gives a session: checked, and as arrays over worlds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simcore.common.checks import require
from simcore.worlds.api import LARGEST_REWARD, RewardError
from simcore.worlds.checks import checked_actions


@dataclass(frozen=True)
class Inputs:
    """Makes arrays `[N, ...]` of values for each world, which is N = 1 of them where there is no batch."""

    batch: int | None
    """N; None: one world, whose values have no dimension N."""
    frame_size: int
    """Height and width of the agent's frames, in pixels."""
    num_actions: int
    """Discrete actions."""

    @property
    def num_worlds(self) -> int:
        """N."""
        return self.batch or 1

    def frames(self, frame: ArrayLike) -> NDArray[np.uint8]:
        """Return frames `[N, H, W, 3]`, a copy.

        Raises:
            TypeError: it is all that an environment returned.
            ValueError: they are not the agent's.
        """
        if isinstance(frame, tuple):
            raise TypeError("observe was given a tuple; it takes its parts: session.observe(*env.reset(seed=0))")
        frames = np.array(frame if self.batch is not None else np.asarray(frame)[None])
        shape = (self.num_worlds, self.frame_size, self.frame_size, 3)
        if frames.dtype != np.uint8 or frames.shape != shape:
            expected = list(shape if self.batch is not None else shape[1:])
            raise ValueError(f"a frame must be uint8 {expected}, not {frames.dtype} {list(np.shape(frame))}")
        return frames

    def actions(self, actions: ArrayLike) -> NDArray[np.int64]:
        """Return actions `[N]`.

        Raises:
            ValueError: they are not the agent's.
        """
        return checked_actions(self.each(actions, "actions"), self.num_worlds, self.num_actions)

    def plan(self, actions: ArrayLike) -> NDArray[np.int64]:
        """Return the actions of K steps, `[K, N]`.

        Raises:
            ValueError: they are not the agent's, or there are none.
        """
        given = np.asarray(actions)
        if given.ndim != (1 if self.batch is None else 2) or not len(given):
            wanted = "[K]" if self.batch is None else f"[K, {self.batch}]"
            raise ValueError(f"actions are {list(given.shape)}; they must be {wanted}, one step at least")
        return np.stack([self.actions(row) for row in given])

    def rewards(self, reward: ArrayLike, scale: float, begins: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the rewards as the agent receives them, `[N]`: scaled, and 0 where an episode begins.

        Raises:
            RewardError: one is not a finite number.
        """
        try:
            scaled = np.where(begins, 0.0, scale * self.each(reward, "rewards", np.float64))
        except (TypeError, ValueError, OverflowError):
            scaled = np.full(self.num_worlds, np.nan)
        if not np.abs(scaled).max() <= LARGEST_REWARD:  # true of NaN, too
            raise RewardError(f"the reward is {reward!r}; it must be a finite number for each world")
        return scaled.astype(np.float32)

    def each(self, value: ArrayLike, what: str, dtype: Any = None) -> NDArray[Any]:
        """Return an array with a value for each world, `[N]`.

        Raises:
            ValueError: there are more or fewer.
        """
        array = np.asarray(value, dtype)
        wanted = () if self.batch is None else (self.batch,)
        if array.shape != wanted and (self.batch is not None or array.size != 1):
            raise ValueError(f"{what} are {list(array.shape)}; they must be {list(wanted)}, one for each world")
        return array if self.batch is not None else array.reshape(1)

    def require_all_reset(self, info: Mapping[str, Any]) -> None:
        """Raise `UserError` if an environment's info says, by its masks, that it has reset only some worlds."""
        is_reset = np.asarray(info.get("_pose", True), np.bool_)  # of SimCore's levels; others' masks mean other things
        require(
            bool(is_reset.all()),
            f"only {int(is_reset.sum())} of {self.num_worlds} worlds were reset, and a session begins all anew: "
            "reset all worlds, or have a session for each",
        )
