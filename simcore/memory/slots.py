"""The slot memory of RMA: each write fills a new slot, and a read attends to the most similar slots (App. B).

Hung et al., "Optimizing Agent Behavior over Long Time Scales by Transporting Value", 2018, arXiv 1810.06721.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.checks import Capacity, Width, require_fields

LEAST_LENGTH = 1e-6
"""Lower bound of the lengths of keys and words in cosines; the cosines of shorter ones tend to zero."""


@dataclass(frozen=True)
class SlotsConfig:
    """The slot memory, used if --core is slots (App. B, table 3)."""

    memory_size: Capacity = 1350
    """K, slots; after K writes the oldest is overwritten."""
    word_size: Width = 200
    """D, width of a slot."""
    reads: Width = 3
    """n_r, reads per step."""
    top_k: Capacity = 50
    """n_k, slots that a read attends to."""

    def __post_init__(self) -> None:
        require_fields("slots.", self)


class SlotState(NamedTuple):
    """The words of an episode, in a ring buffer."""

    words: Tensor
    """`[..., K, D]`; the episode's word number i is in slot i mod K, and unused slots are zero."""
    written: Tensor
    """The number of words written in this episode, int64 `[...]`."""


class SlotMemory(nn.Module):
    """A memory of slots that are read by content.

    Differentiable in everything, memory included. `SlotWiring` connects it to an LSTM.

        >>> memory = SlotMemory(slots=100, word_size=64, top_k=3)
        >>> words = torch.randn(8, 64)
        >>> state = memory.initial_state(batch_size=1)
        >>> for word in words:
        ...     state = memory.write(state, word[None])
        >>> cues = words + 0.5 * torch.randn(8, 64)
        >>> recalled = memory.read(state, cues[None], strengths=torch.full((1, 8), 30.0))[0]
        >>> bool((recalled - words).norm() < 0.1 * (cues - words).norm())
        True

    Args:
        slots: K (table 3: 1350); after K writes the oldest is overwritten.
        word_size: D (table 3: 200).
        top_k: n_k, the number of slots that a read attends to (table 3: 50).
    """

    def __init__(self, slots: int = 1350, word_size: int = 200, top_k: int = 50) -> None:
        super().__init__()
        if min(slots, word_size, top_k) < 1:
            raise ValueError(f"slots, word_size and top_k are {slots}, {word_size} and {top_k}; they must be 1 or more")
        self.slots = slots
        self.word_size = word_size
        self.top_k = top_k

    def initial_state(self, batch_size: int, like: Tensor | None = None) -> SlotState:
        """Return an empty memory `[batch_size, ...]`, of the type and on the device of `like` if given."""
        words = (torch.empty(0) if like is None else like).new_zeros(batch_size, self.slots, self.word_size)
        return SlotState(words, torch.zeros(batch_size, dtype=torch.int64, device=words.device))

    def read(self, state: SlotState, keys: Tensor, strengths: Tensor | None = None) -> Tensor:
        """Return the weighted means of the words most similar to keys `[B, D]` or `[B, n, D]`, in the keys' shape.

        The weights are a softmax of strength times cosine over the `top_k` best. An empty memory reads zeros.

        Args:
            state: the memory.
            keys: one for each world, or n.
            strengths: inverse temperatures, `[B]` or `[B, n]`; None: 1.

        Raises:
            ValueError: they have other shapes.
        """
        worlds = state.words.shape[:-2]
        if (
            (keys.shape[:-1] != worlds and keys.shape[:-2] != worlds)
            or keys.shape[-1] != self.word_size
            or (strengths is not None and strengths.shape != keys.shape[:-1])
        ):
            told = "none" if strengths is None else list(strengths.shape)
            raise ValueError(
                f"keys {list(keys.shape)} and strengths {told}; the memory, of {list(state.words.shape)}, wants "
                f"[B, {self.word_size}] and [B], or [B, n, {self.word_size}] and [B, n]"
            )
        if keys.shape[:-1] == worlds:
            return self.read(state, keys[:, None], None if strengths is None else strengths[:, None])[:, 0]
        written = self._numbers(state) < state.written[:, None]
        scores = _directions(keys) @ _directions(state.words).mT
        scores = scores if strengths is None else strengths[..., None] * scores
        scores = scores.masked_fill(~written[:, None], torch.finfo(scores.dtype).min)
        best, chosen = scores.topk(min(self.top_k, self.slots), dim=-1)
        weights = torch.zeros_like(scores).scatter(-1, chosen, best.softmax(-1))
        return weights @ state.words

    def write(self, state: SlotState, word: Tensor) -> SlotState:
        """Return the memory with words `[B, D]` in new slots, or in place of the oldest words if it is full.

        Raises:
            ValueError: the words have another shape.
        """
        if word.shape != (*state.words.shape[:-2], self.word_size):
            raise ValueError(f"words are {list(word.shape)}; a memory of {list(state.words.shape)} takes one a world")
        here = self._numbers(state) == (state.written % self.slots)[:, None]
        return SlotState(torch.where(here[..., None], word[:, None], state.words), state.written + 1)

    def newest_first(self, state: SlotState) -> Tensor:
        """Return the words of a state `[*, ...]`, the newest first, then zeros, `[*, K, D]`."""
        age = self._numbers(state)
        slot = (state.written[..., None] - 1 - age) % self.slots
        words = state.words.take_along_dim(slot[..., None], -2)
        return words.masked_fill((age >= state.written[..., None])[..., None], 0.0)

    def _numbers(self, state: SlotState) -> Tensor:
        """Return the slots' indices, int64 `[K]`."""
        return torch.arange(self.slots, device=state.words.device)


def _directions(vectors: Tensor) -> Tensor:
    # Not by `norm`, whose second derivative is NaN at zero, as in unused slots.
    return vectors / vectors.square().sum(-1, keepdim=True).clamp(min=LEAST_LENGTH**2).sqrt()
