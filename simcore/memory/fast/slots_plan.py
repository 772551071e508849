"""What an unroll with a slot memory is to do."""

from typing import NamedTuple

from torch import Tensor


class Plan(NamedTuple):
    """What an unroll is to do; S simulations share the memory of each of B worlds, one where it is written."""

    ring: Tensor
    """`[B, C, D]`; appended to in place where the memory is written."""
    inverse: Tensor
    """One over the words' lengths `[B, C]`, in place too."""
    write_count: Tensor
    """How many words the ring has been given, int64 `[B]` on the CPU, in place too."""
    oldest: int
    """The absolute index of the oldest word that some world sees."""
    newest: int
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
    """At each time when an episode begins somewhere: bool `[B]`."""
    snapshots_at: list[int]
    """The times whose cells are kept."""


class Window(NamedTuple):
    """The columns of a ring that need be looked at."""

    begin: int
    """The first."""
    end: int
    """One past the last."""

    @classmethod
    def of(cls, oldest: int, newest: int, capacity: int) -> "Window":
        """Return the columns of the words `oldest` to `newest`; all where they go round the ring's end."""
        begin = oldest % capacity
        return cls(begin, begin + newest - oldest) if begin + newest - oldest <= capacity else cls(0, capacity)
