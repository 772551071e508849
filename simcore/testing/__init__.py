"""Checks of parts of one's own, to be run in one's own tests."""

from simcore.testing.memory import check_memory

__all__ = ["check_memory"]
