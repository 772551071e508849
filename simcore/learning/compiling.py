"""Compilation by torch.compile of the parts with many small operations between products."""

import os
import shutil

from simcore.common.errors import UserError
from simcore.system import SimCore


def compile_parts(system: SimCore) -> None:
    """Mark encoder, frame model and probes for compilation at their first call; weights keep their names.

    The cores are not compiled: an LSTM is one library kernel, and the memories' unrolls have a hand-written backward.
    """
    system.agent.encoder.compile(dynamic=False)
    if system.simulation is not None:
        system.simulation.frame_model.compile(dynamic=False)
    for part in (system.probes, system.map_model):
        if part is not None:
            part.compile(dynamic=False)


def require_compiler() -> None:
    """Raise `UserError` unless there is a C++ compiler that torch.compile can call."""
    if shutil.which(os.environ.get("CXX", "g++")) is None and shutil.which("clang++") is None:
        raise UserError("--compile wants a C++ compiler, g++ or clang++; install one, or say --no-compile")
