"""The unroll of any memory by single steps with autograd; the reference for the fast unrolls."""

from functools import partial

import torch
from torch import Tensor, nn

from simcore.common.tree import leaves, stack, tree_map
from simcore.common.user_code import UserCodeError
from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times, masks_of
from simcore.memory.base import Memory
from simcore.memory.cell import lstm_step
from simcore.memory.unroller import Unroller


class PlainUnroller(Unroller[Memory]):
    """Unroll a memory by its own steps; differentiable as often as they are."""

    def unroll(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, resets: Resets | None, snapshots_at: Times
    ) -> Unrolled:
        """Unroll LSTM and memory over time; see `Unroller.unroll`."""
        lead = inputs.shape[1:-1]
        if len(lead) > 1:  # a step sees simulations as a larger batch
            merged = tree_map(lambda leaf: leaf.flatten(0, len(lead) - 1), state)
            outputs, final, _ = self.unroll(lstm, inputs.flatten(1, -2), merged, resets, snapshots_at)
            split = tree_map(lambda leaf: leaf.view(*lead, *leaf.shape[1:]), final)
            return Unrolled(outputs.view(len(inputs), *lead, -1), split, None)
        with torch.autocast(inputs.device.type, enabled=False):
            return self._unroll(lstm, inputs.to(state.hidden.dtype), state, resets, snapshots_at)

    def _unroll(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, resets: Resets | None, snapshots_at: Times
    ) -> Unrolled:
        cell, begins, outputs, after = partial(lstm_step, lstm), masks_of(resets), [], {}
        for t, x in enumerate(inputs):
            if t in begins:
                state = self._reset(state, begins[t])
            output, after_step = self.memory.step(x, state, cell)
            if not t:
                self._check(output, after_step, state)
            state = after_step
            outputs.append(output)
            if t in snapshots_at.known:
                after[t] = state
        snapshots = stack([after[t] for t in snapshots_at.known]) if after else None
        return Unrolled(torch.stack(outputs), state, snapshots)

    def _check(self, output: Tensor, after: CoreState, before: CoreState) -> None:
        """Raise `UserCodeError` unless a step returned what `Memory.step` is to return."""
        step = f"{type(self.memory).__name__}.step"
        expected = (*before.hidden.shape[:-1], before.hidden.shape[-1] + self.memory.output_size)
        if tuple(output.shape) != expected:
            raise UserCodeError(
                f"{step} returned b_t of shape {tuple(output.shape)}; it must be [B, N_h + output_size], {expected}"
            )
        found, wanted = ([tuple(leaf.shape) for leaf in leaves(state)] for state in (after, before))
        if found != wanted:
            raise UserCodeError(f"{step} returned a state of shapes {found}; the state before the step has {wanted}")

    def _reset(self, state: CoreState, first: Tensor) -> CoreState:
        """Return the state, reset to an episode's start in the worlds where `first`, bool `[B]`, is true."""
        zeros = torch.zeros_like(state.hidden)
        fresh = CoreState(zeros, zeros, self.initial_state(len(first)))
        return tree_map(lambda new, old: torch.where(_beside(first, new), new, old), fresh, state)


def _beside(first: Tensor, leaf: Tensor) -> Tensor:
    """Return bool `[B]` as `[B, 1, ...]`, with as many dimensions as `leaf`."""
    return first.view(-1, *[1] * (leaf.dim() - 1))
