"""The recurrent core: an LSTM with or without a memory, whose state is explicit (App. B)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from simcore.common.checks import require_fields
from simcore.common.tree import stack, tree_map, with_structure
from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times, masks_of
from simcore.memory.base import Memory
from simcore.memory.cell import NoMemory
from simcore.memory.fast import find_fast
from simcore.memory.fast.masked_lstm import masked_unroll
from simcore.memory.plain import PlainUnroller
from simcore.memory.unroller import Unroller


@dataclass(frozen=True)
class MemoryConfig:
    """How the cores are unrolled."""

    plain: bool = False
    """Unroll belief and simulation core step by step with autograd, instead of by the faster unrolls with a
    hand-written backward pass: to inspect a step, or for second derivatives."""

    def __post_init__(self) -> None:
        require_fields("memory.", self)


class RecurrentCore(nn.Module):
    """f in b_t = f(b_{t-1}, input_t): the belief core and the simulation core are one instance each.

    Without a memory, an unroll is cut only where an episode begins or a snapshot is taken; each piece in between is one
    call of the fused LSTM, so a reset costs a cut instead of a Python loop over time. Where the host may not know these
    times, as in a CUDA graph, every step is masked instead. A memory is unrolled together with the LSTM, by its own
    steps or by a fast unroll if there is one.

    Args:
        input_size: the width of a step's input.
        hidden_size: N_h.
        memory: what the LSTM reads, and writes except in a simulation; None: the bare LSTM.
        plain: unroll by single steps with autograd, even if there is a fast unroll.
    """

    unroller: Unroller[Any] | None
    """What unrolls the LSTM with its memory; None for the fused LSTM."""

    def __init__(self, input_size: int, hidden_size: int, memory: Memory | None = None, plain: bool = False) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.memory = memory
        self.lstm = nn.LSTM(input_size + (memory.read_size if memory is not None else 0), hidden_size)
        # PyTorch's initial cell forgets half at every step, and is slow to learn to remember.
        forget_bias = self.lstm.get_parameter("bias_ih_l0")[hidden_size : 2 * hidden_size]
        nn.init.ones_(forget_bias)
        self.unroller = _choose_unroller(memory, plain)

    @property
    def output_size(self) -> int:
        """The size of b_t."""
        return self.hidden_size + (self.memory.output_size if self.memory is not None else 0)

    def initial_state(self, batch_size: int) -> CoreState:
        """Return the state at the start of an episode, `[batch_size, ...]`."""
        zeros = self.lstm.get_parameter("weight_hh_l0").new_zeros(batch_size, self.hidden_size)
        return CoreState(zeros, zeros, self.unroller.initial_state(batch_size) if self.unroller is not None else ())

    def contents(self, state: CoreState) -> Tensor | None:
        """Return what the memory of a state `[*, ...]` holds, K vectors `[*, K, D]`, zeros where none is written yet.

        It is None without a memory, or if a user's memory does not expose it.

        Raises:
            RuntimeError: a slot memory's state is too old: words that it sees have been overwritten since.
        """
        return self.unroller.contents(state.memory) if self.unroller is not None else None

    def portable(self, state: CoreState) -> CoreState:
        """Return a copy of the state `[B, ...]`, without gradient and sharing no storage with other states.

        Later unrolls leave it valid, whereas a slot memory's other states can become too old. It can be pickled, moved
        to a device (`tree_map(lambda leaf: leaf.to(device), state)`), indexed along the batch in the same way, and
        joined with others; and it has the smallest possible size.

        Raises:
            ValueError: a slot memory's state is of several times, as snapshots are.
            RuntimeError: a slot memory's state is too old already.
        """
        hidden, cell = (leaf.detach().clone() for leaf in (state.hidden, state.cell))
        return CoreState(hidden, cell, self.unroller.portable(state.memory) if self.unroller is not None else ())

    def join(self, states: Sequence[CoreState]) -> CoreState:
        """Return the states of several batches, each `[B_i, ...]`, concatenated along the batch.

        They may be of different times. Unrolling the result equals unrolling each alone, gradients included, except
        that no gradient flows into the words of a slot memory.

        Raises:
            ValueError: there is no state, or a slot memory's state is of several times, as snapshots are.
            RuntimeError: a slot memory's state is too old.
        """
        if not states:
            raise ValueError("there is no state to join")
        hidden, cell = (torch.cat([getattr(state, name) for state in states]) for name in ("hidden", "cell"))
        memories = [state.memory for state in states]
        return CoreState(hidden, cell, self.unroller.join(memories) if self.unroller is not None else ())

    def restored(self, saved: tuple[Any, ...]) -> CoreState:
        """Return a state `[B, ...]` from the plain tuples of a checkpoint, perhaps of an earlier version.

        Raises:
            ValueError: it is not a state of this core.
            TypeError: it is not a state.
        """
        state = CoreState(*saved)
        if self.unroller is not None:
            state = state._replace(memory=self.unroller.restored(state.memory))
        return with_structure(self.initial_state(1), state)

    def forward(
        self,
        inputs: Tensor,
        state: CoreState,
        is_first: Tensor | Resets | None = None,
        snapshots_at: Sequence[int] | Times = (),
    ) -> Unrolled:
        """Unroll over time.

        Args:
            inputs: `[T, B, input_size]`; or `[T, S, B, input_size]`, to continue from S snapshots of each of B worlds.
            state: the state before the first step, `[B, ...]` or `[S, B, ...]`.
            is_first: bool `[T, B]`; where true the state is reset BEFORE that step. None: nowhere. The host waits for a
                tensor on a device, but not for `Resets`, which are made in advance.
            snapshots_at: distinct times in [0, T) whose states (after the step) are returned, in the order given.

        Raises:
            ValueError: a snapshot time outside the unroll; resets or snapshots in an unroll that starts from snapshots,
                or whose memory only reads; times known only on the device, with a memory, in a plain unroll, or with
                `Resets`.
        """
        length = inputs.shape[0]
        at = Times.of(snapshots_at, inputs.device)
        if at.host is not None and any(not 0 <= t < length for t in at.host):
            raise ValueError(f"snapshot times {list(at.host)} are not all in [0, {length})")
        if inputs.dim() > 3 and (is_first is not None or at.number):
            raise ValueError("an unroll that starts from snapshots has neither resets nor snapshots of its own")
        if self.memory is not None and not self.memory.writes and (is_first is not None or at.number):
            raise ValueError("a core whose memory only reads has neither resets nor snapshots")
        if at.host is None and self.unroller is None:
            if isinstance(is_first, Resets):
                raise ValueError("a masked unroll takes is_first as it is, bool [T, B], and no Resets")
            return self._masked(inputs, state, is_first, at)
        resets = Resets.of(is_first, inputs.device)
        if self.unroller is not None:
            return self.unroller.unroll(self.lstm, inputs, state, resets, at)
        if inputs.dim() > 3:
            lead = inputs.shape[1:-1]
            merged = tree_map(lambda leaf: leaf.flatten(0, -2), state)
            ahead, final = self._lstm(inputs.flatten(1, -2), merged)
            final = tree_map(lambda leaf: leaf.view(*lead, -1), final)
            return Unrolled(ahead.view(length, *lead, -1), final, None)
        masks = masks_of(resets)
        cuts = sorted({0, length} | set(masks) | {t + 1 for t in at.known})

        outputs, after = [], {}
        for begin, end in pairwise(cuts):
            if begin in masks:
                state = self._reset(state, masks[begin])
            piece, state = self._lstm(inputs[begin:end], state)
            outputs.append(piece)
            after[end - 1] = state
        snapshots = stack([after[t] for t in at.known]) if at.number else None
        return Unrolled(torch.cat(outputs), state, snapshots)

    def _masked(self, inputs: Tensor, state: CoreState, is_first: Tensor | None, at: Times) -> Unrolled:
        """Unroll the bare LSTM with a mask at every step, so that the work does not depend on the times."""
        outputs, cells = masked_unroll(self.lstm, inputs, state.hidden, state.cell, is_first)
        final = CoreState(outputs[-1], cells[-1])
        snapshots = CoreState(outputs.index_select(0, at.rows), cells.index_select(0, at.rows)) if at.number else None
        return Unrolled(outputs, final, snapshots)

    def _reset(self, state: CoreState, first: Tensor) -> CoreState:
        fresh = self.initial_state(first.shape[0])
        return tree_map(lambda new, old: torch.where(first[:, None], new, old), fresh, state)

    def _lstm(self, inputs: Tensor, state: CoreState) -> tuple[Tensor, CoreState]:
        outputs, (hidden, cell) = self.lstm(inputs, (state.hidden[None], state.cell[None]))
        kind = state.hidden.dtype  # under autocast the LSTM has another
        return outputs.to(kind), CoreState(hidden[0].to(kind), cell[0].to(kind))


def _choose_unroller(memory: Memory | None, plain: bool) -> Unroller[Any] | None:
    """Return the unroller of a memory, the fast one if there is one and not `plain`; None for the fused LSTM."""
    if memory is None:
        return PlainUnroller(NoMemory()) if plain else None
    fast = None if plain else find_fast(memory)
    return PlainUnroller(memory) if fast is None else fast
