"""A small random stream for kernels: splitmix64 (Steele, Lea and Flood, 2014).

A stream is a `uint64 [1]` array that its draws advance. It is far quicker to seed than numpy's generators,
and the same on every machine, which is what makes an episode a pure function of one number.
"""

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.voxel.kernels import kernel


@kernel
def open_stream(seed: np.uint64) -> NDArray[np.uint64]:
    """Return a new stream that begins at `seed`."""
    stream = np.empty(1, np.uint64)
    stream[0] = seed
    return stream


@kernel
def draw(stream: NDArray[np.uint64]) -> np.uint64:
    """Return the next 64 random bits of `stream` (`uint64 [1]`)."""
    stream[0] += np.uint64(0x9E3779B97F4A7C15)
    mixed = stream[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@kernel
def draw_between(stream: NDArray[np.uint64], low: int, high: int) -> int:
    """Return a random integer in `low .. high`, both included; the bias is below `(high - low) / 2**32`."""
    span = np.uint64(high - low + 1)
    return low + int(((draw(stream) >> np.uint64(32)) * span) >> np.uint64(32))


@kernel
def fork(seed: np.uint64, index: int) -> np.uint64:
    """Return the seed of sub-stream `index` of `seed`: unrelated streams for unrelated indices."""
    return draw(open_stream(np.uint64(seed) ^ (np.uint64(index) * np.uint64(0xD1342543DE82EF95))))
