"""Probes of the belief: a head for each of a world's targets, and a model of its map.

The modules are imported on first use of their names, so that a configuration can be made without PyTorch.
"""

from typing import TYPE_CHECKING

from simcore.common.lazy import lazily

if TYPE_CHECKING:
    from simcore.probes.config import ProbesConfig
    from simcore.probes.heads import ClassHead, PictureHead, ProbeHead, VectorHead, probe_heads
    from simcore.probes.map_model import MapModel, MapModelLoss
    from simcore.probes.readout import ProbeLoss, Probes, Readout

_HEADS = "simcore.probes.heads"
_READOUT = "simcore.probes.readout"
_MODULES = {
    "ClassHead": _HEADS,
    "MapModel": "simcore.probes.map_model",
    "MapModelLoss": "simcore.probes.map_model",
    "PictureHead": _HEADS,
    "ProbeHead": _HEADS,
    "ProbeLoss": _READOUT,
    "Probes": _READOUT,
    "ProbesConfig": "simcore.probes.config",
    "Readout": _READOUT,
    "VectorHead": _HEADS,
    "probe_heads": _HEADS,
}
if not TYPE_CHECKING:  # for which any name would exist
    __getattr__, __dir__ = lazily(__name__, _MODULES)

__all__ = [
    "ClassHead",
    "MapModel",
    "MapModelLoss",
    "PictureHead",
    "ProbeHead",
    "ProbeLoss",
    "Probes",
    "ProbesConfig",
    "Readout",
    "VectorHead",
    "probe_heads",
]
