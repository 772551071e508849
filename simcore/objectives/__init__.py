"""The objectives by which belief, frame model and probes are trained."""

from simcore.objectives.actor_critic import ActorCriticLoss, ActorCriticObjective, ReinforcementConfig
from simcore.objectives.base import Beliefs, Objective, ObjectiveLoss, Weighted, objectives
from simcore.objectives.frame_prediction import FramePrediction
from simcore.objectives.map_modelling import MapModelling
from simcore.objectives.probing import Probing
from simcore.objectives.vtrace import VTrace, vtrace

__all__ = [
    "ActorCriticLoss",
    "ActorCriticObjective",
    "Beliefs",
    "FramePrediction",
    "MapModelling",
    "Objective",
    "ObjectiveLoss",
    "Probing",
    "ReinforcementConfig",
    "VTrace",
    "Weighted",
    "objectives",
    "vtrace",
]
