"""Acting: worlds and a policy make trajectories."""

from simcore.acting.actor import Actor, Policy

__all__ = ["Actor", "Policy"]
