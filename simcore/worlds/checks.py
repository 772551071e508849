"""Checks of what worlds are given, which raise `ValueError`."""

import numpy as np
from numpy.typing import NDArray

from simcore.common.checks import wrong_field


def require_valid(condition: bool, message: str) -> None:
    """Raise `ValueError(message)` unless the condition holds."""
    if not condition:
        raise ValueError(message)


def require_valid_fields(values: object) -> None:
    """Raise `ValueError` unless each field of a dataclass is of its type, and its numbers are finite."""
    wrong = wrong_field(values)
    require_valid(wrong is None, str(wrong))


def checked_actions(actions: NDArray[np.int64], num_envs: int, num_actions: int) -> NDArray[np.int64]:
    """Check a batch's actions, and return them as `int64 [B]`.

    Raises:
        ValueError: they are not B integers in `0 .. A - 1`.
    """
    chosen = np.asarray(actions)
    # Not by `require_valid`: writing an array into a message at every step would cost a quarter of the frame rate.
    if chosen.shape != (num_envs,) or chosen.dtype.kind not in "iu":
        raise ValueError(f"actions are {chosen.dtype} {chosen.shape}; they must be integers of shape ({num_envs},)")
    chosen = chosen.astype(np.int64)
    if chosen.view(np.uint64).max() >= num_actions:  # as unsigned numbers, negative ones are the largest
        raise ValueError(f"actions are {chosen}; allowed are 0 to {num_actions - 1}")
    return chosen
