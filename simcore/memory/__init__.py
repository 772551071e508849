"""The recurrent core that belief and simulation are both built from, and its memories."""

from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times
from simcore.memory.base import Memory
from simcore.memory.core import RecurrentCore
from simcore.memory.kanerva import Kanerva, KanervaMemory, KanervaState
from simcore.memory.slots import SlotMemory, Slots
from simcore.memory.slots_state import SlotState

__all__ = [
    "CoreState",
    "Kanerva",
    "KanervaMemory",
    "KanervaState",
    "Memory",
    "RecurrentCore",
    "Resets",
    "SlotMemory",
    "SlotState",
    "Slots",
    "Times",
    "Unrolled",
]
