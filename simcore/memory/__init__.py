"""The recurrent core that belief and simulation are both built from."""

from simcore.memory.core import CoreState, RecurrentCore, Unrolled

__all__ = ["CoreState", "RecurrentCore", "Unrolled"]
