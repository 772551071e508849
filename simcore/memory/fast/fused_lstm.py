"""The unroll of a bare LSTM by PyTorch's fused kernel, in pieces between the times at which it must be cut."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from simcore.common.tree import stack, tree_map
from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times, masks_of
from simcore.memory.cell import NoMemory
from simcore.memory.fast.masked_lstm import masked_unroll
from simcore.memory.unroller import Unroller


class FusedLSTM(Unroller[NoMemory]):
    """Unroll a bare LSTM, in the weights' precision also under autocast, which for cuDNN's LSTM means float16.

    An unroll is cut only where an episode begins or a snapshot is taken; each piece between is one call of the kernel,
    so that a reset costs a cut and not a Python loop over time.
    """

    def unroll(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, resets: Resets | None, snapshots_at: Times
    ) -> Unrolled:
        """Unroll over time; see `Unroller.unroll`."""
        if inputs.dim() > 3:
            return _simulate(lstm, inputs, state)
        masks = masks_of(resets)
        cuts = sorted({0, len(inputs)} | set(masks) | {t + 1 for t in snapshots_at.known})
        outputs, after = [], {}
        for begin, end in pairwise(cuts):
            if begin in masks:
                state = tree_map(lambda leaf, first=masks[begin]: leaf.masked_fill(first[:, None], 0), state)
            piece, state = _run(lstm, inputs[begin:end], state)
            outputs.append(piece)
            after[end - 1] = state
        snapshots = stack([after[t] for t in snapshots_at.known]) if snapshots_at.number else None
        return Unrolled(torch.cat(outputs), state, snapshots)

    def unroll_masked(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, is_first: Tensor | None, snapshots_at: Times
    ) -> Unrolled:
        """Do the same with a mask at every step, so that the work does not depend on the times, as in a CUDA graph."""
        with torch.autocast(inputs.device.type, enabled=False):
            outputs, cells = masked_unroll(lstm, inputs.to(state.hidden.dtype), state.hidden, state.cell, is_first)
        rows, snapshots = snapshots_at.rows, None
        if snapshots_at.number:
            snapshots = CoreState(outputs.index_select(0, rows), cells.index_select(0, rows))
        return Unrolled(outputs, CoreState(outputs[-1], cells[-1]), snapshots)


def _simulate(lstm: nn.LSTM, inputs: Tensor, state: CoreState) -> Unrolled:
    """Unroll from snapshots, `[T, S, B, *]`, as one larger batch."""
    lead = inputs.shape[1:-1]
    outputs, final = _run(lstm, inputs.flatten(1, -2), tree_map(lambda leaf: leaf.flatten(0, -2), state))
    return Unrolled(outputs.view(len(inputs), *lead, -1), tree_map(lambda leaf: leaf.view(*lead, -1), final), None)


def _run(lstm: nn.LSTM, inputs: Tensor, state: CoreState) -> tuple[Tensor, CoreState]:
    # Autocast would have cuDNN compute in float16, whatever its type, and small gradients would vanish.
    with torch.autocast(inputs.device.type, enabled=False):
        outputs, (hidden, cell) = lstm(inputs.to(state.hidden.dtype), (state.hidden[None], state.cell[None]))
    return outputs, CoreState(hidden[0], cell[0])
