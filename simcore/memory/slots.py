"""The slot memory of RMA: every step writes a new slot, and reading attends to the most similar ones (App. B)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.memory.base import Memory
from simcore.memory.lstm_step import lstm_weights, times_of_resets
from simcore.memory.slots_unroll import LEAST_LENGTH, Plan, SlotsUnroll
from simcore.memory.state import CoreState, Unrolled


class SlotMemory:
    """Slots that are read by content. Its state is the tensor of words `[B, n, D]`, oldest first.

    Plain and differentiable through everything; `Slots` unrolls the same reads and writes faster.

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
        slots: K (table 3: 1350); past so many writes the oldest is overwritten.
        word_size: D (table 3: 200).
        top_k: n_k, how many slots a read looks at (table 3: 50).
    """

    def __init__(self, slots: int = 1350, word_size: int = 200, top_k: int = 50) -> None:
        self.slots = slots
        self.word_size = word_size
        self.top_k = top_k

    def initial_state(self, batch_size: int, device: torch.device | str | None = None) -> Tensor:
        """Return an empty memory `[batch_size, 0, D]`."""
        return torch.zeros(batch_size, 0, self.word_size, device=device)

    def read(self, state: Tensor, keys: Tensor, strengths: Tensor) -> Tensor:
        """Return `[B, n, D]`: means of the words most similar to keys `[B, n, D]`, the sharper the stronger `[B, n]`.

        The weights are a softmax of strength times cosine over the `top_k` best. An empty memory reads zeros.
        """
        if state.shape[1] == 0:
            return torch.zeros_like(keys)
        cosines = _directions(keys) @ _directions(state).mT
        best, chosen = (strengths[..., None] * cosines).topk(min(self.top_k, state.shape[1]), dim=-1)
        weights = torch.zeros_like(cosines).scatter(-1, chosen, best.softmax(-1))
        return weights @ state

    def write(self, state: Tensor, word: Tensor) -> Tensor:
        """Return the memory with words `[B, D]` in new slots."""
        return torch.cat([state, word[:, None]], dim=1)[:, -self.slots :]


class SlotState(NamedTuple):
    """What a world sees of a ring of words, which all states of one memory share.

    Unrolling from the newest state appends to the ring in place; unrolling from an older one copies it first.
    """

    words: Tensor
    """The ring `[..., C, D]`: the word of absolute index i is in column i mod C."""
    tip: Tensor
    """How many words the ring has been given, int64 `[...]`; shared like the ring, and the same for all worlds."""
    written: Tensor
    """How many it had been given at the time of this state, int64 `[...]`; the same for all worlds."""
    first: Tensor
    """The absolute index at which the episode began, int64 `[...]`."""
    reads: Tensor
    """The last reads, which enter the LSTM at the next step, `[..., n_r D]`."""
    recent: Tensor
    """In a snapshot the words `[..., T, D]` of its unroll, with gradient; else none, T = 0."""
    since: Tensor
    """The absolute index of the first of these, int64 `[...]`; the ring may have gone on since that unroll."""


class Slots(Memory):
    """A slot memory wired to an LSTM.

    Keys and strengths are made from the LSTM's output h_t; what they read joins h_t in b_t and enters the LSTM at the
    next step. Then a word made from (h_t, input_t) is written, so a read sees what was written up to the step before.

    Args:
        input_size: the width of a step's input.
        hidden_size: N_h.
        slots: K (table 3).
        word_size: D (table 3).
        reads: n_r (table 3: 3).
        top_k: n_k (table 3).
        spare: columns of the ring beyond K; an unroll longer than that moves to a larger ring first.
        writes: whether it writes; one that does not only reads what another has written.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        slots: int = 1350,
        word_size: int = 200,
        reads: int = 3,
        top_k: int = 50,
        spare: int = 128,
        writes: bool = True,
    ) -> None:
        super().__init__()
        self.slots = slots
        self.word_size = word_size
        self.reads = reads
        self.top_k = top_k
        self.spare = spare
        self.read_size = self.output_size = reads * word_size
        self.query = nn.Linear(hidden_size, reads * (word_size + 1))
        self.write_word = nn.Linear(hidden_size + input_size, word_size) if writes else None

    def initial_state(self, batch_size: int) -> SlotState:
        """Return an empty memory, `[batch_size, ...]`."""
        like = self.query.weight
        none = torch.zeros(batch_size, dtype=torch.int64, device=like.device)
        return SlotState(
            like.new_zeros(batch_size, self.slots + self.spare, self.word_size),
            none.clone(),
            none.clone(),
            none.clone(),
            like.new_zeros(batch_size, self.read_size),
            like.new_zeros(batch_size, 0, self.word_size),
            none.clone(),
        )

    def unroll(
        self,
        lstm: nn.LSTM,
        inputs: Tensor,
        state: CoreState,
        is_first: Tensor | None,
        snapshots_at: Sequence[int],
    ) -> Unrolled:
        """Unroll LSTM and memory over time, in float32 also under autocast.

        Raises:
            ValueError: a memory that writes is to start from snapshots of several times at once, or resets or
                snapshots are asked of one that only reads, or the worlds' states are of different times.
            RuntimeError: words that the state sees have been overwritten since.
        """
        if self.write_word is None and (is_first is not None or snapshots_at):
            raise ValueError("a slot memory that only reads has neither resets nor snapshots")
        if self.write_word is not None and inputs.dim() > 3:
            raise ValueError("a slot memory that writes starts from one state of each world")
        with torch.autocast(inputs.device.type, enabled=False):
            return self._unroll(lstm, inputs.to(self.query.weight.dtype), state, is_first, list(snapshots_at))

    def _unroll(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, is_first: Tensor | None, snapshots_at: list[int]
    ) -> Unrolled:
        length, *lead, input_size = inputs.shape
        memory, units = SlotState(*state.memory), lstm.hidden_size
        weight_ih, weight_hh, lstm_bias = lstm_weights(lstm)
        from_input, biases = [weight_ih[:, :input_size]], [lstm_bias]
        from_hidden: Tensor = self.query.weight
        bias: Tensor = self.query.bias
        if self.write_word is not None:
            from_input.append(self.write_word.weight[:, units:])
            biases.append(self.write_word.bias)
            from_hidden = torch.cat([from_hidden, self.write_word.weight[:, :units]])
            bias = torch.cat([bias, bias.new_zeros(self.word_size)])
        sums = F.linear(inputs.flatten(1, -2), torch.cat(from_input), torch.cat(biases))
        resets = times_of_resets(is_first)
        ring, tip, plan = self._plan(memory, length, resets, snapshots_at, trains=torch.is_grad_enabled())
        recent = memory.recent[0] if memory.recent.dim() > 3 else memory.recent
        outputs, cell, cells, words = SlotsUnroll.apply(  # type: ignore[no-untyped-call]
            *(plan, sums, state.hidden.reshape(-1, units), state.cell.reshape(-1, units)),
            *(memory.reads.reshape(-1, self.read_size), recent),
            *(torch.cat([weight_hh, weight_ih[:, input_size:]], dim=1), from_hidden, bias),
        )
        outputs = outputs.view(length, *lead, -1)
        hidden, reads = outputs[..., :units], outputs[..., units:]
        if not plan.writes:
            final = CoreState(hidden[-1], cell.view(*lead, units), memory._replace(reads=reads[-1]))
            return Unrolled(outputs, final, None)

        since = torch.full_like(memory.written, plan.newest)

        def after(t: int) -> tuple[Tensor, Tensor]:
            """Return `written` and `first` after step t."""
            first = memory.first
            for time, begins in resets.items():
                if time <= t:
                    first = torch.where(begins, plan.newest + time, first)
            return torch.full_like(memory.written, plan.newest + t + 1), first

        none = words[:, :0].detach()
        final = CoreState(hidden[-1], cell, SlotState(ring, tip, *after(length - 1), reads[-1], none, since + length))
        if not snapshots_at:
            return Unrolled(outputs, final, None)
        counts, firsts = (torch.stack(part) for part in zip(*(after(t) for t in snapshots_at), strict=True))
        times = len(snapshots_at)
        snapshots = SlotState(
            ring.expand(times, *ring.shape),
            tip.expand(times, *tip.shape),
            counts,
            firsts,
            reads[snapshots_at],
            words.expand(times, *words.shape),
            since.expand(times, *since.shape),
        )
        return Unrolled(outputs, final, CoreState(hidden[snapshots_at], cells, snapshots))

    @torch.no_grad()
    def _plan(
        self, memory: SlotState, length: int, resets: dict[int, Tensor], snapshots_at: list[int], trains: bool
    ) -> tuple[Tensor, Tensor, Plan]:
        """Return the ring to use, its tip, and the plan."""
        writes = self.write_word is not None
        several = memory.words.dim() > 3
        ring, tip = (leaf[0] if several else leaf for leaf in (memory.words, memory.tip))
        count, first = (leaf if several else leaf[None] for leaf in (memory.written, memory.first))  # [S, B]
        if bool((count != count[:, :1]).any()):
            raise ValueError("the states of an unroll's worlds must be of the same time: as many words written in each")
        newest = int(count.max())
        oldest_seen = torch.maximum(first, count - self.slots).clamp(min=0)
        oldest = int(torch.where(oldest_seen < count, oldest_seen, newest).min())  # who sees nothing needs nothing
        given = int(tip.max())  # one world may have gone on alone
        capacity = ring.shape[1]
        if oldest < newest and given - capacity > oldest:
            raise RuntimeError("this state is too old: words that it sees have been overwritten since")
        if writes and capacity < self.slots + length:
            ring, tip = self._moved(ring, oldest, newest, self.slots + length), count[0].clone()
        elif writes and given != newest:
            ring, tip = ring.clone(), count[0].clone()
        capacity = ring.shape[1]
        # The absolute index of each column's word, as of the newest that is seen.
        top = newest if writes else given
        column = torch.arange(capacity, device=ring.device)
        index = top - 1 - (top - 1 - column) % capacity
        seen = (index >= oldest_seen[..., None]) & (index < count[..., None])
        mask = torch.where(seen, 0.0, -torch.inf).to(ring.dtype).transpose(0, 1)
        begin = newest if writes else int(memory.since.max())
        plan = Plan(
            *(ring, tip, min(oldest, begin), begin, mask, self.slots, self.reads, self.top_k, writes),
            *(resets, snapshots_at, trains),
        )
        return ring, tip, plan

    @staticmethod
    def _moved(ring: Tensor, oldest: int, newest: int, capacity: int) -> Tensor:
        """Return a ring of another capacity with the words that are still seen."""
        index = torch.arange(oldest, newest, device=ring.device)
        moved = ring.new_zeros(ring.shape[0], capacity, ring.shape[2])
        moved[:, index % capacity] = ring[:, index % ring.shape[1]]
        return moved


def _directions(vectors: Tensor) -> Tensor:
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=LEAST_LENGTH)
