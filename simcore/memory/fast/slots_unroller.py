"""The unroller of a slot memory: its weights and states in the form that `SlotsUnroll` takes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times, masks_of
from simcore.memory.cell import SlotWiring
from simcore.memory.fast.lstm_step import lstm_weights
from simcore.memory.fast.ring import RingState, View, gather
from simcore.memory.fast.slots import SlotsUnroll
from simcore.memory.fast.slots_plan import Plan
from simcore.memory.unroller import Unroller


class FastSlots(Unroller[SlotWiring]):
    """Unroll a slot memory by `SlotsUnroll`; its states are views of a ring.

    Args:
        memory: the wired memory.
        spare: columns of the ring beyond K; an unroll longer than that moves to a larger ring first.
    """

    def __init__(self, memory: SlotWiring, spare: int = 128) -> None:
        super().__init__(memory)
        self.slots = memory.memory.slots
        self.spare = spare

    def initial_state(self, batch_size: int) -> RingState:
        """Return an empty memory, `[batch_size, ...]`."""
        capacity = self.slots + self.spare
        wiring = self.memory
        return RingState.empty(batch_size, capacity, wiring.memory.word_size, wiring.reads, wiring.query.weight)

    @torch.no_grad()
    def contents(self, memory: tuple[Any, ...]) -> Tensor:
        """Return the words that the state `[*, ...]` sees, `[*, K, D]`, the newest first, then zeros.

        Raises:
            RuntimeError: words that the state sees have been overwritten since.
        """
        state = RingState(*memory)
        words = View.of(state, self.slots).newest_first(self.slots)
        return words if state.words.dim() > 3 else words[0]

    def portable(self, memory: tuple[Any, ...]) -> RingState:
        """Return a copy of the state `[B, ...]` with its own ring, as short as possible and never written.

        Raises:
            ValueError: the state is of several times, as snapshots are.
            RuntimeError: words that the state sees have been overwritten since.
        """
        state = RingState(*memory)
        return gather([state], self.slots, None)._replace(reads=state.reads.detach().clone())

    def join(self, memories: Sequence[tuple[Any, ...]]) -> RingState:
        """Return the states of several batches, of any times, as one state with its own ring.

        Gradients flow into the last reads, but not into the words.

        Raises:
            ValueError: a state is of several times, as snapshots are.
            RuntimeError: words that a state sees have been overwritten since.
        """
        states = [RingState(*memory) for memory in memories]
        joined = gather(states, self.slots, self.slots + self.spare)
        return joined._replace(reads=torch.cat([state.reads for state in states]))

    def unroll(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, resets: Resets | None, snapshots_at: Times
    ) -> Unrolled:
        """Unroll LSTM and memory over time; see `Unroller.unroll`.

        Raises:
            ValueError: a memory that writes starts from snapshots of several times, or the worlds' states are of
                different times.
            RuntimeError: words that the state sees have been overwritten since.
        """
        if self.memory.writes and inputs.dim() > 3:
            raise ValueError("a slot memory that writes starts from one state of each world")
        with torch.autocast(inputs.device.type, enabled=False):
            return self._unroll(lstm, inputs.to(self.memory.query.weight.dtype), state, resets, snapshots_at)

    def _unroll(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, resets: Resets | None, snapshots_at: Times
    ) -> Unrolled:
        length, *lead, _ = inputs.shape
        wiring, memory, units = self.memory, RingState(*state.memory), lstm.hidden_size
        weights = [*lstm_weights(lstm), wiring.query.weight, wiring.query.bias]
        if wiring.write_word is not None:
            weights += [wiring.write_word.weight, wiring.write_word.bias]
        view, plan = self._plan(memory, length, masks_of(resets), list(snapshots_at.known))
        recent = memory.recent[0] if memory.recent.dim() > 3 else memory.recent
        outputs, cell, cells, words = SlotsUnroll.apply(  # type: ignore[no-untyped-call]
            *(plan, inputs.flatten(1, -2), state.hidden.reshape(-1, units), state.cell.reshape(-1, units)),
            *(memory.reads.reshape(-1, wiring.read_size), recent, *weights),
        )
        outputs = outputs.view(length, *lead, -1)
        hidden, reads = outputs[..., :units], outputs[..., units:]
        if not plan.writes:
            final = CoreState(hidden[-1], cell.view(*lead, units), memory._replace(reads=reads[-1]))
            return Unrolled(outputs, final, None)
        after = _After(memory, view, plan, resets, words)
        final = CoreState(hidden[-1], cell, after.last(reads[-1], length))
        if not snapshots_at.number:
            return Unrolled(outputs, final, None)
        rows = snapshots_at.rows
        kept = after.snapshots(reads.index_select(0, rows), snapshots_at.known)
        return Unrolled(outputs, final, CoreState(hidden.index_select(0, rows), cells, kept))

    @torch.no_grad()
    def _plan(
        self, memory: RingState, length: int, resets: dict[int, Tensor], snapshots_at: list[int]
    ) -> tuple[View, Plan]:
        """Return the view of the ring to use, and the plan."""
        writes = self.memory.writes
        view = View.of(memory, self.slots)
        if writes and view.ring.shape[1] < self.slots + length:
            view = view.moved(self.slots + length)
        elif writes and view.given != view.newest:
            view = view.moved(view.ring.shape[1])
        # The absolute index of each column's word, counted back from the newest that is seen.
        top = view.newest if writes else view.given
        column = torch.arange(view.ring.shape[1], device=view.ring.device)
        index = top - 1 - (top - 1 - column) % view.ring.shape[1]
        begins, ends = (count.to(index.device, non_blocking=True)[..., None] for count in (view.begins, view.ends))
        seen = (index >= begins) & (index < ends)
        mask = torch.where(seen, 0.0, -torch.inf).to(view.ring.dtype).transpose(0, 1)
        begin = view.newest if writes else int(memory.since.max())
        oldest, ring, inverse = min(view.oldest, begin), view.ring, view.inverse
        sizes = self.slots, self.memory.reads, self.memory.memory.top_k
        plan = Plan(ring, inverse, view.write_count, oldest, begin, mask, *sizes, writes, resets, snapshots_at)
        return view, plan


class _After(NamedTuple):
    """Make the memory's states after the steps of an unroll that writes."""

    before: RingState
    """The state before the first step."""
    view: View
    """The ring that is used."""
    plan: Plan
    """The unroll's plan."""
    resets: Resets | None
    """Where episodes begin."""
    words: Tensor
    """The written words `[B, T, D]`."""

    def last(self, reads: Tensor, length: int) -> RingState:
        """Return the state after all `length` steps, without words with gradient."""
        written, first = self._counts(length - 1)
        ring, inverse, write_count = self.view[:3]
        none = self.words[:, :0].detach()
        since = torch.full_like(self.before.written, self.plan.grad_from + length)
        return RingState(ring, inverse, write_count, written, first, reads, none, since)

    def snapshots(self, reads: Tensor, times: Sequence[int]) -> RingState:
        """Return the states `[S, B, ...]` after the steps at `times`, with their reads `[S, B, n_r D]`."""
        since = torch.full_like(self.before.written, self.plan.grad_from)
        written, first = (torch.stack(part) for part in zip(*(self._counts(t) for t in times), strict=True))
        ring, inverse, write_count, words, since = (
            leaf.expand(len(times), *leaf.shape) for leaf in (*self.view[:3], self.words, since)
        )
        return RingState(ring, inverse, write_count, written, first, reads, words, since)

    def _counts(self, t: int) -> tuple[Tensor, Tensor]:
        """Return `written` and `first` of the state after step t."""
        first, begin = self.before.first, self.plan.grad_from
        for time, begins in zip(self.resets.times, self.resets.host, strict=True) if self.resets is not None else ():
            if time <= t:
                first = torch.where(begins, begin + time, first)
        return torch.full_like(self.before.written, begin + t + 1), first
