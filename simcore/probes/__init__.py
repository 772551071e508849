"""What the belief knows, read without touching it."""

from simcore.probes.readout import Knowing, Probes

__all__ = ["Knowing", "Probes"]
