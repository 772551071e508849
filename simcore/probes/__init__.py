"""What the belief knows, read without touching it."""

from simcore.probes.map_model import Imagining, MapModel
from simcore.probes.readout import Knowing, Probes

__all__ = ["Imagining", "Knowing", "MapModel", "Probes"]
