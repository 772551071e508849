"""The unroller of a Kanerva memory: its weights and states in the form that `KanervaUnroll` takes."""

from typing import cast

import torch
from torch import Tensor, nn

from simcore.common.tree import tree_map
from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times
from simcore.memory.cell import KanervaWiring
from simcore.memory.fast.kanerva import KanervaUnroll
from simcore.memory.fast.kanerva_record import Plan, Reset, Weights
from simcore.memory.fast.lstm_step import lstm_weights
from simcore.memory.fast.products import Linear
from simcore.memory.kanerva import KanervaState
from simcore.memory.unroller import Unroller


class FastKanerva(Unroller[KanervaWiring]):
    """Unroll a Kanerva memory by `KanervaUnroll`."""

    def unroll(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, resets: Resets | None, snapshots_at: Times
    ) -> Unrolled:
        """Unroll LSTM and memory over time; see `Unroller.unroll`."""
        lead = inputs.shape[1:-1]
        if len(lead) > 1:
            flat = tree_map(lambda leaf: leaf.flatten(0, 1), state)
            unrolled = self.unroll(lstm, inputs.flatten(1, 2), flat, resets, snapshots_at)
            final = tree_map(lambda leaf: leaf.reshape(*lead, *leaf.shape[1:]), unrolled.final)
            return Unrolled(unrolled.outputs.view(len(inputs), *lead, -1), final, None)
        with torch.autocast(inputs.device.type, enabled=False):
            return self._unroll(lstm, inputs.to(cast(Tensor, lstm.weight_hh_l0).dtype), state, resets, snapshots_at)

    def _unroll(
        self, lstm: nn.LSTM, inputs: Tensor, state: CoreState, resets: Resets | None, snapshots_at: Times
    ) -> Unrolled:
        wiring, units, input_size = self.memory, lstm.hidden_size, inputs.shape[-1]
        weight_ih, weight_hh, lstm_bias = lstm_weights(lstm)
        from_input, from_read = weight_ih[:, :input_size], weight_ih[:, input_size:].contiguous()
        firsts = [net.first for net in (wiring.read_word, wiring.write_word) if net is not None]
        split = [(first.weight[:, :units], first.weight[:, units:]) for first in firsts]
        preactivations = Linear.apply(  # type: ignore[no-untyped-call]
            inputs,
            torch.cat([from_input, *(part for _, part in split)]),
            torch.cat([lstm_bias, *(first.bias for first in firsts)]),
        )
        recurrent = torch.cat([weight_hh, *(part for part, _ in split)])
        write_layer = None if wiring.write_word is None else wiring.write_word.last
        weights = Weights(recurrent, from_read, wiring.read_word.last, write_layer)
        hidden, cell, memory = state.hidden, state.cell, wiring.restored(state.memory)
        prior = memory if wiring.memory is None else wiring.memory.initial_state(inputs.shape[1])
        plan = Plan(
            firsts[0].out_features, wiring.memory is not None, _by_time(resets, inputs), list(snapshots_at.known)
        )
        outputs, last_cell, *written = KanervaUnroll.apply(  # type: ignore[no-untyped-call]
            *(plan, preactivations, hidden, cell, memory.mean, memory.factor, prior.noise),
            *(prior.mean[0], prior.factor[0], *weights.flat()),
        )
        if not written:
            return Unrolled(outputs, CoreState(outputs[-1], last_cell, memory), None)
        mean, factor, cells, means, factors = written
        final = CoreState(outputs[-1], last_cell, KanervaState(mean, factor, prior.noise))
        if not snapshots_at.number:
            return Unrolled(outputs, final, None)
        states = KanervaState(means, factors, prior.noise.expand(len(means), -1))
        return Unrolled(outputs, final, CoreState(outputs.index_select(0, snapshots_at.rows), cells, states))


def _by_time(resets: Resets | None, like: Tensor) -> dict[int, Reset]:
    """Return the resets by time, with masks of the type and on the device of `like`."""
    if resets is None:
        return {}
    keep = (~resets.device)[:, :, None].to(like.dtype)
    worlds = (first.nonzero()[:, 0].to(like.device, non_blocking=True) for first in resets.host)
    return {t: Reset(*pair) for t, *pair in zip(resets.times, keep, worlds, strict=True)}
