"""The cost of a configuration before it is run: parameters, arithmetic and memory of an update."""

from simcore.cost.meter import ACTIVATIONS, OTHER, Held, Meter
from simcore.cost.peaks import CARDS, Peak, find_peak
from simcore.cost.update import BATCH, GRADIENTS, MOMENTS, WEIGHTS, UpdateCost, cost_of, cost_of_run

__all__ = [
    "ACTIVATIONS",
    "BATCH",
    "CARDS",
    "GRADIENTS",
    "MOMENTS",
    "OTHER",
    "WEIGHTS",
    "Held",
    "Meter",
    "Peak",
    "UpdateCost",
    "cost_of",
    "cost_of_run",
    "find_peak",
]
