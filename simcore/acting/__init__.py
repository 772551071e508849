"""Acting: worlds and a policy make trajectories, one after the other, on threads, in processes, or on a cluster."""

from simcore.acting.actor import Actor
from simcore.acting.executor import ActorError, Executor, Handed
from simcore.acting.on_ray import OnRay
from simcore.acting.policies import AgentPolicy, Choice, Policy, Present, RandomPolicy, WalkerPolicy
from simcore.acting.processes import Processes
from simcore.acting.serial import Serial
from simcore.acting.threads import Threads
from simcore.data.rollouts import Episode, Experience, Ledger
from simcore.worlds.api import Worlds

__all__ = [
    "Actor",
    "ActorError",
    "AgentPolicy",
    "Choice",
    "Episode",
    "Executor",
    "Experience",
    "Handed",
    "Ledger",
    "OnRay",
    "Policy",
    "Present",
    "Processes",
    "RandomPolicy",
    "Serial",
    "Threads",
    "WalkerPolicy",
    "Worlds",
]
