"""Models of a frame given the simulated state, and GECO."""

from simcore.frame_models.base import FrameLoss, FrameModel, frame_models
from simcore.frame_models.contrastive import Contrastive, ContrastiveConfig
from simcore.frame_models.convdraw import ConvDRAW, ConvDRAWConfig
from simcore.frame_models.deterministic import Deterministic, DeterministicConfig
from simcore.frame_models.geco import GECO, GECOConfig

__all__ = [
    "GECO",
    "Contrastive",
    "ContrastiveConfig",
    "ConvDRAW",
    "ConvDRAWConfig",
    "Deterministic",
    "DeterministicConfig",
    "FrameLoss",
    "FrameModel",
    "GECOConfig",
    "frame_models",
]
