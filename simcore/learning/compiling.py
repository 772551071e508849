"""torch.compile of the parts that have many small operations between products."""

import os
import shutil

from simcore.common.errors import UserError
from simcore.system import SimCore


def compile_parts(system: SimCore) -> None:
    """Let encoder, frame model and probes be compiled when they are first called; names of weights stay.

    The cores stay as they are: an LSTM is one kernel of a library, and the memories' unrolls go back by hand.
    """
    system.agent.encoder.compile(dynamic=False)
    if system.simulation is not None:
        system.simulation.frame_model.compile(dynamic=False)
    for part in (system.probes, system.map_model):
        if part is not None:
            part.compile(dynamic=False)


def require_compiler() -> None:
    """Raise `UserError` unless there is the compiler that torch.compile calls."""
    if shutil.which(os.environ.get("CXX", "g++")) is None and shutil.which("clang++") is None:
        raise UserError("--compile wants a C++ compiler, g++ or clang++; install one, or leave --compile out")
