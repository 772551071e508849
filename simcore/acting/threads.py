"""Actors on threads beside the learner: PyTorch and the worlds let go of the interpreter while they work."""

import contextlib
import copy
import queue
import threading
import time
import traceback
from collections.abc import Sequence

import torch

from simcore.acting.actor import Actor
from simcore.acting.executor import ActorError, Executor, MakeActor, RolloutBatch
from simcore.agent import Agent
from simcore.data.rollouts import Rollout

LOOK_UP = 0.01
"""Seconds after which who waits for a thread to end looks again."""


class Weights:
    """The newest weights for all who act, never seen half-written.

    Args:
        agent: whose weights they are; None: nobody needs them, and versions alone are told.
    """

    def __init__(self, agent: Agent | None) -> None:
        self._agent = agent
        self._lock = threading.Lock()
        self._newest = (0, self._copied())

    def publish(self, version: int) -> None:
        """Copy the learner's weights as they are now."""
        newest = (version, self._copied())
        with self._lock:
            self._newest = newest

    def load_into(self, agent: Agent) -> int:
        """Give an actor's agent the newest weights, and return their version."""
        with self._lock:
            version, values = self._newest  # never written again, so they may be read without the lock
        if self._agent is not None:
            agent.load_state_dict(values)
        return version

    def _copied(self) -> dict[str, torch.Tensor]:
        if self._agent is None:
            return {}
        return {name: value.detach().clone() for name, value in self._agent.state_dict().items()}


class Threads(Executor):
    """Runs each actor on a thread of its own, with its own copy of the weights.

    An actor takes the newest weights when it begins a trajectory. The queue is bounded: an actor that is ahead waits.
    An actor that raises ends the run, with its traceback.

    Args:
        make_actor: makes an actor.
        agent: the learner's, copied for each actor.
        numbers: the actors' own.
        length: Lu, the steps of a trajectory.
        room: how many trajectories the queue holds.
        follows: whether the actors act with the agent, and so need its weights after each update.
    """

    def __init__(
        self,
        make_actor: MakeActor,
        agent: Agent,
        numbers: Sequence[int],
        length: int,
        room: int,
        follows: bool = True,
    ) -> None:
        self.length = length
        self._weights = Weights(agent if follows else None)
        self._queue: queue.Queue[Rollout | ActorError] = queue.Queue(room)
        self._failure: ActorError | None = None
        self._stop = threading.Event()
        self._threads = []
        for number in numbers:
            own = copy.deepcopy(agent).requires_grad_(False)
            actor = make_actor(number, own)
            thread = threading.Thread(target=self._run, args=(actor, own), name=f"actor {number}", daemon=True)
            self._threads.append(thread)
        self._started = False

    def publish(self, version: int) -> None:
        """Give the learner's present weights to the actors."""
        self._weights.publish(version)

    def take(self, count: int) -> RolloutBatch:
        """Wait for the next `count` trajectories."""
        if not self._started:  # not earlier: before, a checkpoint may still have been loaded into the agent
            self._started = True
            for thread in self._threads:
                thread.start()
        begin = time.perf_counter()
        rollouts = tuple(self._next() for _ in range(count))
        return RolloutBatch(rollouts, time.perf_counter() - begin)

    def close(self) -> None:
        """Stop the actors; what they have not handed over is lost."""
        self._stop.set()
        for thread in self._threads if self._started else ():
            while thread.is_alive():
                with contextlib.suppress(queue.Empty):
                    self._queue.get_nowait()  # which lets go an actor that waits for room
                thread.join(LOOK_UP)

    def _next(self) -> Rollout:
        if self._failure is None:
            handed = self._queue.get()
            if isinstance(handed, Rollout):
                return handed
            self._failure = handed  # its thread has ended, so who asks again must not wait for it
        raise self._failure

    def _run(self, actor: Actor, own: Agent) -> None:
        try:
            while not self._stop.is_set():
                version = self._weights.load_into(own)
                # Actors that wait for room get it in the order in which they came, as nobody gives up and comes again.
                self._queue.put(actor.collect(self.length, version))
        except BaseException:  # whatever it was, the learner is told and does not wait in vain
            self._queue.put(ActorError(f"actor {actor.number} failed:\n{traceback.format_exc()}"))
