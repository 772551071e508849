"""Acting: worlds and a policy make trajectories, one after the other, on threads, in processes, or on a cluster."""

from simcore.acting.actor import Actor
from simcore.acting.executor import ActorError, CollectedBatch, Executor
from simcore.acting.on_ray import OnRay
from simcore.acting.policies import ActionOutput, ActorInput, AgentPolicy, Policy, RandomPolicy, WalkerPolicy
from simcore.acting.processes import Processes
from simcore.acting.serial import Serial
from simcore.acting.threads import Threads
from simcore.data.collected import Collected, Episode, Ledger
from simcore.worlds.api import Worlds

__all__ = [
    "ActionOutput",
    "Actor",
    "ActorError",
    "ActorInput",
    "AgentPolicy",
    "Collected",
    "CollectedBatch",
    "Episode",
    "Executor",
    "Ledger",
    "OnRay",
    "Policy",
    "Processes",
    "RandomPolicy",
    "Serial",
    "Threads",
    "WalkerPolicy",
    "Worlds",
]
