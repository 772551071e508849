"""Models of a frame given the simulated state."""

from simcore.frame_models.base import FrameLoss, FrameModel
from simcore.frame_models.contrastive import Contrastive
from simcore.frame_models.convdraw import ConvDRAW
from simcore.frame_models.deterministic import Deterministic
from simcore.frame_models.geco import GECO

__all__ = ["GECO", "Contrastive", "ConvDRAW", "Deterministic", "FrameLoss", "FrameModel"]
