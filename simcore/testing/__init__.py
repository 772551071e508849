"""Conformance checks of a user's own parts, for the user's tests."""

from simcore.testing.frame_model import check_frame_model
from simcore.testing.level import check_level
from simcore.testing.memory import check_memory
from simcore.testing.objective import check_objective

__all__ = ["check_frame_model", "check_level", "check_memory", "check_objective"]
