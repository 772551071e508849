"""What the belief knows, read without touching it."""

from simcore.probes.map_model import MapModel, MapModelLoss
from simcore.probes.readout import ProbeLoss, Probes

__all__ = ["MapModel", "MapModelLoss", "ProbeLoss", "Probes"]
