"""Unrolls of `simcore.memory.cell` in a fraction of the time: the fused LSTM, and hand-written backward passes.

A weight's gradient is one product over all steps, and only a step's change of the memory is kept, never the memory.
Values and gradients are those of the cells, as tests check.
"""

from typing import Any

from simcore.memory.base import Memory
from simcore.memory.cell import KanervaWiring, NoMemory, SlotWiring
from simcore.memory.fast.fused_lstm import FusedLSTM
from simcore.memory.fast.kanerva_unroller import FastKanerva
from simcore.memory.fast.slots_unroller import FastSlots
from simcore.memory.unroller import Unroller

_FAST: dict[type[Memory], type[Unroller[Any]]] = {
    NoMemory: FusedLSTM,
    KanervaWiring: FastKanerva,
    SlotWiring: FastSlots,
}


def find_fast(memory: Memory) -> Unroller[Any] | None:
    """Return the fast unroller of a memory; None if it has none, as a subclass, whose `step` may differ."""
    fast = _FAST.get(type(memory))
    return None if fast is None else fast(memory)
