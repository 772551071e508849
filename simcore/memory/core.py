"""The recurrent core: an LSTM with or without a memory, whose state is explicit (App. B)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from simcore.common.tree import stack, tree_map
from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times, masks_of
from simcore.memory.base import Memory
from simcore.memory.fast.masked_lstm import masked_unroll


class RecurrentCore(nn.Module):
    """f in b_t = f(b_{t-1}, input_t): the belief core and the simulation core are one instance each.

    Without a memory an unroll is cut only where some state must be touched, that is where an episode begins or a
    snapshot is taken; each piece between is one call of the fused LSTM, so a reset costs a cut and not a Python loop
    over time. Where the host is not to know when that is, as in a CUDA graph, every step is masked instead. With a
    memory, the memory unrolls the LSTM with itself.

    Args:
        input_size: the width of a step's input.
        hidden_size: N_h.
        memory: what the LSTM reads, and writes unless it only simulates; None: the bare LSTM.
    """

    def __init__(self, input_size: int, hidden_size: int, memory: Memory | None = None) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.memory = memory
        self.lstm = nn.LSTM(input_size + (memory.read_size if memory is not None else 0), hidden_size)
        # A cell that forgets half at every step, as PyTorch's does at first, is slow to learn to remember.
        forget_bias = self.lstm.get_parameter("bias_ih_l0")[hidden_size : 2 * hidden_size]
        nn.init.ones_(forget_bias)

    @property
    def output_size(self) -> int:
        """The size of b_t."""
        return self.hidden_size + (self.memory.output_size if self.memory is not None else 0)

    def initial_state(self, batch_size: int) -> CoreState:
        """Return the state at the start of an episode, `[batch_size, ...]`."""
        zeros = self.lstm.get_parameter("weight_hh_l0").new_zeros(batch_size, self.hidden_size)
        return CoreState(zeros, zeros, self.memory.initial_state(batch_size) if self.memory is not None else ())

    def portable(self, state: CoreState) -> CoreState:
        """Return the same state `[B, ...]`, without gradient and with nothing that another state shares.

        Later unrolls from whatever state leave it as it is, where a slot memory's own states grow too old in time. It
        can be pickled, moved to a device (`tree_map(lambda leaf: leaf.to(device), state)`), indexed along the batch
        in the same way, and joined with others; and it takes no more room than it must.

        Raises:
            ValueError: a slot memory's state is of several times, as snapshots are.
            RuntimeError: a slot memory's state is too old already.
        """
        hidden, cell = (leaf.detach().clone() for leaf in (state.hidden, state.cell))
        return CoreState(hidden, cell, self.memory.portable(state.memory) if self.memory is not None else ())

    def join(self, states: Sequence[CoreState]) -> CoreState:
        """Return the states of several batches, each `[B_i, ...]`, as one of all their worlds in a row.

        They may have come any number of steps. To unroll it is to unroll each alone, gradients included, but for what
        is in a slot memory, into which no gradient flows.

        Raises:
            ValueError: there is no state, or a slot memory's state is of several times, as snapshots are.
            RuntimeError: a slot memory's state is too old.
        """
        if not states:
            raise ValueError("there is no state to join")
        hidden, cell = (torch.cat([getattr(state, name) for state in states]) for name in ("hidden", "cell"))
        memories = [state.memory for state in states]
        return CoreState(hidden, cell, self.memory.join(memories) if self.memory is not None else ())

    def forward(
        self,
        inputs: Tensor,
        state: CoreState,
        is_first: Tensor | Resets | None = None,
        snapshots_at: Sequence[int] | Times = (),
    ) -> Unrolled:
        """Unroll over time.

        Args:
            inputs: `[T, B, input_size]`; or `[T, S, B, input_size]`, to go on from S snapshots of each of B worlds.
            state: the state before the first step, `[B, ...]` or `[S, B, ...]`.
            is_first: bool `[T, B]`; where true the state is reset BEFORE that step. None: nowhere. A tensor on a device
                makes the host wait for it; `Resets`, made beforehand, do not.
            snapshots_at: distinct times in [0, T) whose states (after the step) are returned, in the order given.

        Raises:
            ValueError: a snapshot time outside the unroll; resets or snapshots in an unroll that starts from snapshots;
                times that are known on the device alone, with a memory or with `Resets`.
        """
        length = inputs.shape[0]
        at = Times.of(snapshots_at, inputs.device)
        if at.host is not None and any(not 0 <= t < length for t in at.host):
            raise ValueError(f"snapshot times {list(at.host)} are not all in [0, {length})")
        if inputs.dim() > 3 and (is_first is not None or at.number):
            raise ValueError("an unroll that starts from snapshots has neither resets nor snapshots of its own")
        if at.host is None and self.memory is None:
            if isinstance(is_first, Resets):
                raise ValueError("a masked unroll takes is_first as it is, bool [T, B], and no Resets")
            return self._masked(inputs, state, is_first, at)
        known = Resets.of(is_first, inputs.device)
        if self.memory is not None:
            return self.memory.unroll(self.lstm, inputs, state, known, at)
        if inputs.dim() > 3:
            lead = inputs.shape[1:-1]
            merged = tree_map(lambda leaf: leaf.flatten(0, -2), state)
            ahead, final = self._lstm(inputs.flatten(1, -2), merged)
            final = tree_map(lambda leaf: leaf.view(*lead, -1), final)
            return Unrolled(ahead.view(length, *lead, -1), final, None)
        resets = masks_of(known)
        cuts = sorted({0, length} | set(resets) | {t + 1 for t in at.known})

        outputs, after = [], {}
        for begin, end in pairwise(cuts):
            if begin in resets:
                state = self._reset(state, resets[begin])
            piece, state = self._lstm(inputs[begin:end], state)
            outputs.append(piece)
            after[end - 1] = state
        snapshots = stack([after[t] for t in at.known]) if at.number else None
        return Unrolled(torch.cat(outputs), state, snapshots)

    def _masked(self, inputs: Tensor, state: CoreState, is_first: Tensor | None, at: Times) -> Unrolled:
        """Unroll the bare LSTM step by step, with every step's state at hand: nothing depends on when anything is."""
        outputs, cells = masked_unroll(self.lstm, inputs, state.hidden, state.cell, is_first)
        final = CoreState(outputs[-1], cells[-1])
        snapshots = CoreState(outputs.index_select(0, at.rows), cells.index_select(0, at.rows)) if at.number else None
        return Unrolled(outputs, final, snapshots)

    def _reset(self, state: CoreState, first: Tensor) -> CoreState:
        fresh = self.initial_state(first.shape[0])
        return tree_map(lambda new, old: torch.where(first[:, None], new, old), fresh, state)

    def _lstm(self, inputs: Tensor, state: CoreState) -> tuple[Tensor, CoreState]:
        outputs, (hidden, cell) = self.lstm(inputs, (state.hidden[None], state.cell[None]))
        kind = state.hidden.dtype  # under autocast the LSTM works in another
        return outputs.to(kind), CoreState(hidden[0].to(kind), cell[0].to(kind))
