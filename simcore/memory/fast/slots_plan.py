"""The plan of an unroll with a slot memory: ring, mask, sizes, resets and snapshots."""

from typing import NamedTuple

from torch import Tensor


class Plan(NamedTuple):
    """The structure of an unroll; S simulations share the memory of each of B worlds, S = 1 if it is written."""

    ring: Tensor
    """`[B, C, D]`; appended to in place if the memory is written."""
    inverse: Tensor
    """The inverse of the words' lengths `[B, C]`, also in place."""
    write_count: Tensor
    """The number of words written to the ring, int64 `[B]` on the CPU, also in place."""
    oldest: int
    """The absolute index of the oldest word that any world sees."""
    grad_from: int
    """The absolute index of the first word that carries a gradient."""
    mask: Tensor
    """`[B, S, C]`: 0 where a slot is seen, minus infinity elsewhere."""
    slots: int
    """K."""
    reads: int
    """n_r."""
    top_k: int
    """n_k."""
    writes: bool
    """Whether the memory is written."""
    resets: dict[int, Tensor]
    """For each time at which an episode begins in some world: these worlds, bool `[B]`."""
    snapshots_at: list[int]
    """The times whose cells are kept."""


class Window(NamedTuple):
    """The range of a ring's columns that a read has to consider."""

    begin: int
    """The first."""
    end: int
    """One past the last."""

    @classmethod
    def of(cls, oldest: int, newest: int, capacity: int) -> "Window":
        """Return the columns of the words `oldest` to `newest`; all columns if they wrap around the ring's end."""
        begin = oldest % capacity
        return cls(begin, begin + newest - oldest) if begin + newest - oldest <= capacity else cls(0, capacity)
