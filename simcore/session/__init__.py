"""A live belief, frame by frame."""

from simcore.session.belief_session import BeliefSession, ReadBy
from simcore.session.state import SessionState

__all__ = ["BeliefSession", "ReadBy", "SessionState"]
