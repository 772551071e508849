"""Unrolls with a backward pass written by hand: what `simcore.memory.cell` defines, in a fraction of the time.

Weight gradients are one product over all steps, and what a step changes in the memory is kept, never the memory that it
changed. Values and gradients are those of the cells, by test.
"""

from typing import Any

from simcore.memory.base import Memory
from simcore.memory.cell import KanervaWiring, SlotWiring
from simcore.memory.fast.kanerva_unroller import FastKanerva
from simcore.memory.fast.slots_unroller import FastSlots
from simcore.memory.unroller import Unroller

_FAST: dict[type[Memory], type[Unroller[Any]]] = {KanervaWiring: FastKanerva, SlotWiring: FastSlots}


def find_fast(memory: Memory) -> Unroller[Any] | None:
    """Return the fast unroll of a memory; None for one that has none, such as a subclass, which may step otherwise."""
    fast = _FAST.get(type(memory))
    return None if fast is None else fast(memory)
