"""The ring buffer of a slot memory, to which unrolls append in place: its states, what they see, and their joining."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class RingState(NamedTuple):
    """A state of a slot memory: which words of a ring, shared by all states of one memory, each world sees.

    Unrolling from the newest state appends to the ring in place; unrolling from an older one copies it first. Counts
    stay on the CPU, whatever device the words are on, since the host takes decisions by them.
    """

    words: Tensor
    """The ring `[..., C, D]`: the word of absolute index i is in column i mod C."""
    inverse: Tensor
    """The inverse of the words' lengths `[..., C]`; also a ring."""
    write_count: Tensor
    """The number of words written to the ring, int64 `[...]`; shared like the ring, and the same for all worlds."""
    written: Tensor
    """Their number at the time of this state, int64 `[...]`; the same for all worlds."""
    first: Tensor
    """The absolute index of the episode's first word, or of a later one if older ones are gone, int64 `[...]`."""
    reads: Tensor
    """The last reads, which enter the LSTM at the next step, `[..., n_r D]`."""
    recent: Tensor
    """In a snapshot the words `[..., T, D]` of its unroll, with gradient; otherwise empty, T = 0."""
    since: Tensor
    """The absolute index of the first of these, int64 `[...]`; later unrolls may have appended to the ring."""

    @property
    def on_host(self) -> frozenset[str]:
        """The fields that stay on the CPU, for `to_device`."""
        return frozenset({"write_count", "written", "first", "since"})

    @classmethod
    def empty(cls, batch_size: int, capacity: int, word_size: int, reads: int, like: Tensor) -> "RingState":
        """Return an empty state `[batch_size, ...]`, of the type and on the device of `like`."""
        none = torch.zeros(batch_size, dtype=torch.int64)
        return cls(
            like.new_zeros(batch_size, capacity, word_size),
            like.new_zeros(batch_size, capacity),
            none.clone(),
            none.clone(),
            none.clone(),
            like.new_zeros(batch_size, reads * word_size),
            like.new_zeros(batch_size, 0, word_size),
            none.clone(),
        )


class View(NamedTuple):
    """The words of their ring that the states of B worlds at S times (one, except for snapshots) see."""

    ring: Tensor
    """`[B, C, D]`."""
    inverse: Tensor
    """`[B, C]`."""
    write_count: Tensor
    """Int64 `[B]`."""
    ends: Tensor
    """One past the absolute index of the newest word that each state sees, int64 `[S, B]`."""
    begins: Tensor
    """The absolute index of the oldest, int64 `[S, B]`; `ends` if it sees none."""
    oldest: int
    """The absolute index of the oldest word that any state sees."""
    newest: int
    """One past that of the newest."""
    given: int
    """The number of words written to the ring so far."""

    @classmethod
    def of(cls, memory: RingState, slots: int) -> "View":
        """Make the view of a state of a memory with K = `slots`.

        Raises:
            ValueError: the worlds' states are of different times.
            RuntimeError: words that the state sees have been overwritten since.
        """
        memory = memory._replace(**{name: getattr(memory, name).cpu() for name in memory.on_host})
        several = memory.words.dim() > 3
        ring, inverse, write_count = (
            leaf[0] if several else leaf for leaf in (memory.words, memory.inverse, memory.write_count)
        )
        ends, first = (leaf if several else leaf[None] for leaf in (memory.written, memory.first))
        if bool((ends != ends[:, :1]).any()):
            raise ValueError(
                "the states of an unroll's worlds must be of the same time, with as many words written in each; "
                "put states of different times together with RecurrentCore.join"
            )
        newest = int(ends.max())
        begins = torch.maximum(first, ends - slots).clamp(min=0)
        oldest = int(torch.where(begins < ends, begins, newest).min())  # states that see none do not count
        given = int(write_count.max())  # one world may have been unrolled alone
        if oldest < newest and given - ring.shape[1] > oldest:
            raise RuntimeError(
                "this state is too old: words that it sees have been overwritten since; "
                "RecurrentCore.portable makes one that lasts"
            )
        return cls(ring, inverse, write_count, ends, begins, oldest, newest, given)

    def newest_first(self, slots: int) -> Tensor:
        """Return the words that each state sees, the newest first, then zeros, `[S, B, K, D]`."""
        ends, begins = (count.to(self.ring.device)[..., None] for count in (self.ends, self.begins))
        index = ends - 1 - torch.arange(slots, device=self.ring.device)
        world = torch.arange(len(self.ring), device=self.ring.device)[:, None]
        return self.ring[world, index % self.ring.shape[1]].masked_fill((index < begins)[..., None], 0.0)

    def copy_words(self, ring: Tensor, inverse: Tensor, shift: int = 0) -> None:
        """Copy the words that are seen into another ring `[B, C, D]`, with absolute indices raised by `shift`."""
        index = torch.arange(self.oldest, self.newest, device=ring.device)
        here, there = index % self.ring.shape[1], (index + shift) % ring.shape[1]
        ring[:, there] = self.ring[:, here]
        inverse[:, there] = self.inverse[:, here]

    def moved(self, capacity: int) -> "View":
        """Return the same view of a new ring that holds no other words."""
        ring = self.ring.new_zeros(self.ring.shape[0], capacity, self.ring.shape[2])
        inverse = ring.new_zeros(ring.shape[:2])
        self.copy_words(ring, inverse)
        return self._replace(ring=ring, inverse=inverse, write_count=self.ends[0].clone(), given=self.newest)


@torch.no_grad()
def gather(memories: Sequence[RingState], slots: int, capacity: int | None) -> RingState:
    """Return the states of several batches, of any times, as one state with its own ring.

    Absolute indices are not comparable between rings, so each batch's are shifted to end with the longest memory's.

    Args:
        memories: each `[B_i, ...]`.
        slots: K.
        capacity: the columns of the new ring; None: as few as possible.

    Raises:
        ValueError: a state is of several times.
        RuntimeError: words that a state sees have been overwritten since.
    """
    if any(memory.words.dim() > 3 for memory in memories):
        raise ValueError("only states of one time `[B, ...]` can be copied or joined; index the snapshots first")
    views = [View.of(memory, slots) for memory in memories]
    batches = [len(view.ring) for view in views]
    newest = max(view.newest - view.oldest for view in views)
    like = views[0].ring
    state = RingState.empty(sum(batches), max(newest, 1) if capacity is None else capacity, like.shape[2], 0, like)
    rings = zip(*(torch.split(leaf, batches) for leaf in (state.words, state.inverse, state.first)), strict=True)
    for view, (ring, inverse, first) in zip(views, rings, strict=True):
        view.copy_words(ring, inverse, newest - view.newest)
        torch.add(view.begins[0], newest - view.newest, out=first)
    for count in (state.write_count, state.written, state.since):
        count.fill_(newest)
    return state
