"""Gymnasium's conventions for vector environments: seeds and masks of a reset, and the masks of `info`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.api import Arrays
from simcore.worlds.checks import require_valid

Seeds = int | np.integer[Any] | Sequence[int | np.integer[Any] | None] | NDArray[Any] | None
"""What may seed a batch of environments: one number, or one or None for each of them."""

RESET_MASK = "reset_mask"
"""The option of a reset that names the environments to restart, `bool [B]`; the others stay as they are."""


def checked_seed(seed: Any, name: str = "seed") -> int:
    """Return a seed, of Python's or NumPy's integers, as an int.

    Raises:
        ValueError: it is not a whole number, or negative.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"{name} is {seed!r}; it must be a whole number from 0, or None")
    return int(seed)


def checked_seeds(seed: Seeds, num_envs: int) -> list[int | None]:
    """Return the seed of each of B environments: `seed + i`, or `seed[i]`; None where its generator is to continue.

    Raises:
        ValueError: `seed` is neither None, nor a whole number from 0, nor a sequence of B of these.
    """
    given = seed.tolist() if isinstance(seed, np.ndarray) else seed
    if given is None:
        return [None] * num_envs
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        require_valid(len(given) == num_envs, f"{len(given)} seeds for {num_envs} environments")
        return [each if each is None else checked_seed(each, f"seed[{i}]") for i, each in enumerate(given)]
    first = checked_seed(given)
    return [first + i for i in range(num_envs)]


def checked_reset_mask(options: Mapping[str, Any] | None, num_envs: int, has_begun: bool) -> NDArray[np.bool_]:
    """Return which environments a reset restarts, `bool [B]`: those of `options["reset_mask"]`, or else all.

    Args:
        options: of the reset.
        num_envs: B.
        has_begun: whether there was a reset before. The first one must restart all.

    Raises:
        ValueError: the mask is not a bool array `[B]`, is False everywhere, or leaves some out in the first reset.
    """
    if options is None or RESET_MASK not in options:
        return np.ones(num_envs, np.bool_)
    mask = options[RESET_MASK]
    is_array = isinstance(mask, np.ndarray)
    found = f"{mask.dtype} {mask.shape}" if is_array else repr(mask)
    require_valid(
        is_array and mask.dtype == np.bool_ and mask.shape == (num_envs,),
        f"{RESET_MASK} is {found}; it must be a NumPy array of bool of shape ({num_envs},)",
    )
    require_valid(
        bool(mask.any()), f"{RESET_MASK} is False everywhere; it must be True where an environment is to restart"
    )
    require_valid(
        has_begun or bool(mask.all()), f"{RESET_MASK} leaves environments out; the first reset must begin all of them"
    )
    return mask.copy()


def with_masks(info: Arrays, mask: NDArray[np.bool_]) -> Arrays:
    """Return `info` with the mask (`bool [B]`) of each entry, as `_name`: which environments report it this time.

    All entries share one array.
    """
    return info | {f"_{name}": mask for name in info}
