"""The random generator of the kernels: splitmix64 (Steele, Lea and Flood, 2014).

A generator is a `uint64 [1]` array that each call advances. It is far quicker to seed than numpy's generators, and the
same on every machine, so an episode is a pure function of one number.
"""

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.voxel.kernels import kernel


@kernel
def open_rng(seed: np.uint64) -> NDArray[np.uint64]:
    """Return a new generator, `uint64 [1]`, that begins at `seed`."""
    rng = np.empty(1, np.uint64)
    rng[0] = seed
    return rng


@kernel
def next_bits(rng: NDArray[np.uint64]) -> np.uint64:
    """Return the next 64 random bits of `rng` (`uint64 [1]`)."""
    rng[0] += np.uint64(0x9E3779B97F4A7C15)
    mixed = rng[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@kernel
def random_between(rng: NDArray[np.uint64], low: int, high: int) -> int:
    """Return a random integer in `low .. high`, both included; the bias is below `(high - low) / 2**32`."""
    span = np.uint64(high - low + 1)
    return low + int(((next_bits(rng) >> np.uint64(32)) * span) >> np.uint64(32))


@kernel
def fork(seed: np.uint64, index: int) -> np.uint64:
    """Return the seed of sub-stream `index` of `seed`; the streams of different indices are unrelated."""
    return next_bits(open_rng(np.uint64(seed) ^ (np.uint64(index) * np.uint64(0xD1342543DE82EF95))))
