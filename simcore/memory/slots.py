"""The slot memory of RMA: every step writes a new slot, and reading attends to the most similar ones (App. B)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times, masks_of
from simcore.memory.base import Memory
from simcore.memory.fast.lstm_step import lstm_weights
from simcore.memory.fast.slots import SlotsUnroll
from simcore.memory.fast.slots_plan import Plan
from simcore.memory.slots_state import LEAST_LENGTH, SlotState, View, gather


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
        capacity = self.slots + self.spare
        return SlotState.empty(batch_size, capacity, self.word_size, self.reads, self.query.weight)

    def portable(self, memory: tuple[Any, ...]) -> SlotState:
        """Return the same state `[B, ...]` with a ring of its own, as short as can be and never written.

        Raises:
            ValueError: the state is of several times, as snapshots are.
            RuntimeError: words that the state sees have been overwritten since.
        """
        state = SlotState(*memory)
        return gather([state], self.slots, None)._replace(reads=state.reads.detach().clone())

    def join(self, memories: Sequence[tuple[Any, ...]]) -> SlotState:
        """Return the states of several batches, of whatever times, as one, with a ring of its own.

        Gradients flow into the last reads, and into no word.

        Raises:
            ValueError: a state is of several times, as snapshots are.
            RuntimeError: words that a state sees have been overwritten since.
        """
        states = [SlotState(*memory) for memory in memories]
        joined = gather(states, self.slots, self.slots + self.spare)
        return joined._replace(reads=torch.cat([state.reads for state in states]))

    def unroll(
        self,
        lstm: nn.LSTM,
        inputs: Tensor,
        state: CoreState,
        resets: Resets | None,
        snapshots_at: Times,
    ) -> Unrolled:
        """Unroll LSTM and memory over time, in float32 also under autocast.

        Raises:
            ValueError: a memory that writes is to start from snapshots of several times at once, or resets or
                snapshots are asked of one that only reads, or the worlds' states are of different times.
            RuntimeError: words that the state sees have been overwritten since.
        """
        if self.write_word is None and (resets is not None or snapshots_at.number):
            raise ValueError("a slot memory that only reads has neither resets nor snapshots")
        if self.write_word is not None and inputs.dim() > 3:
            raise ValueError("a slot memory that writes starts from one state of each world")
        with torch.autocast(inputs.device.type, enabled=False):
            return self._unroll(lstm, inputs.to(self.query.weight.dtype), state, resets, snapshots_at)

    def _unroll(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, resets: Resets | None, snapshots_at: Times
    ) -> Unrolled:
        length, *lead, _ = inputs.shape
        memory, units = SlotState(*state.memory), lstm.hidden_size
        weights = [*lstm_weights(lstm), self.query.weight, self.query.bias]
        if self.write_word is not None:
            weights += [self.write_word.weight, self.write_word.bias]
        view, plan = self._plan(memory, length, masks_of(resets), list(snapshots_at.known))
        recent = memory.recent[0] if memory.recent.dim() > 3 else memory.recent
        outputs, cell, cells, words = SlotsUnroll.apply(  # type: ignore[no-untyped-call]
            *(plan, inputs.flatten(1, -2), state.hidden.reshape(-1, units), state.cell.reshape(-1, units)),
            *(memory.reads.reshape(-1, self.read_size), recent, *weights),
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
            for time, begins in zip(resets.times, resets.host, strict=True) if resets is not None else ():
                if time <= t:
                    first = torch.where(begins, plan.newest + time, first)
            return torch.full_like(memory.written, plan.newest + t + 1), first

        none = words[:, :0].detach()
        written, first = after(length - 1)
        carried = SlotState(view.ring, view.inverse, view.tip, written, first, reads[-1], none, since + length)
        final = CoreState(hidden[-1], cell, carried)
        if not snapshots_at.number:
            return Unrolled(outputs, final, None)
        counts, firsts = (torch.stack(part) for part in zip(*(after(t) for t in snapshots_at.known), strict=True))
        ring, inverse, tip, words, since = (
            leaf.expand(snapshots_at.number, *leaf.shape) for leaf in (view.ring, view.inverse, view.tip, words, since)
        )
        rows = snapshots_at.rows
        snapshots = SlotState(ring, inverse, tip, counts, firsts, reads.index_select(0, rows), words, since)
        return Unrolled(outputs, final, CoreState(hidden.index_select(0, rows), cells, snapshots))

    @torch.no_grad()
    def _plan(
        self, memory: SlotState, length: int, resets: dict[int, Tensor], snapshots_at: list[int]
    ) -> tuple[View, Plan]:
        """Return the ring to use with what is seen of it, and the plan."""
        writes = self.write_word is not None
        view = View.of(memory, self.slots)
        if writes and view.ring.shape[1] < self.slots + length:
            view = view.moved(self.slots + length)
        elif writes and view.given != view.newest:
            view = view.moved(view.ring.shape[1])
        # The absolute index of each column's word, as of the newest that is seen.
        top = view.newest if writes else view.given
        column = torch.arange(view.ring.shape[1], device=view.ring.device)
        index = top - 1 - (top - 1 - column) % view.ring.shape[1]
        begins, ends = (count.to(index.device, non_blocking=True)[..., None] for count in (view.begins, view.ends))
        seen = (index >= begins) & (index < ends)
        mask = torch.where(seen, 0.0, -torch.inf).to(view.ring.dtype).transpose(0, 1)
        begin = view.newest if writes else int(memory.since.max())
        oldest, ring, inverse = min(view.oldest, begin), view.ring, view.inverse
        sizes = self.slots, self.reads, self.top_k
        plan = Plan(ring, inverse, view.tip, oldest, begin, mask, *sizes, writes, resets, snapshots_at)
        return view, plan


def _directions(vectors: Tensor) -> Tensor:
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=LEAST_LENGTH)
