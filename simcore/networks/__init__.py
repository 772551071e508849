"""Network blocks that the models share: encoder, decoder, MLP, gated unit, standardisation, PopArt."""

from simcore.networks.deconv import DeconvDecoder
from simcore.networks.encoder import ResidualEncoder
from simcore.networks.frames import frames_to_float, frames_to_uint8
from simcore.networks.gated import gated
from simcore.networks.mlp import mlp
from simcore.networks.popart import Moments, PopArt
from simcore.networks.standardise import Standardise

__all__ = [
    "DeconvDecoder",
    "Moments",
    "PopArt",
    "ResidualEncoder",
    "Standardise",
    "frames_to_float",
    "frames_to_uint8",
    "gated",
    "mlp",
]
