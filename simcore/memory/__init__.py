"""The recurrent core of belief and simulation, and its memories."""

from simcore.data.state import CoreState, Unrolled
from simcore.data.times import Resets, Times
from simcore.memory.base import LSTMStep, Memory, memories
from simcore.memory.cell import KanervaWiring, SlotWiring
from simcore.memory.core import MemoryConfig, RecurrentCore
from simcore.memory.kanerva import KanervaConfig, KanervaMemory, KanervaState
from simcore.memory.slots import SlotMemory, SlotsConfig, SlotState

__all__ = [
    "CoreState",
    "KanervaConfig",
    "KanervaMemory",
    "KanervaState",
    "KanervaWiring",
    "LSTMStep",
    "Memory",
    "MemoryConfig",
    "RecurrentCore",
    "Resets",
    "SlotMemory",
    "SlotState",
    "SlotWiring",
    "SlotsConfig",
    "Times",
    "Unrolled",
    "memories",
]
