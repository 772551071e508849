"""Actors on threads beside the learner; PyTorch and the worlds release the interpreter lock while they work."""

import contextlib
import copy
import queue
import threading
import time
from collections.abc import Sequence

import torch

from simcore.acting.actor import Actor
from simcore.acting.executor import ActorError, CollectedBatch, Executor, MakeActor, actor_error
from simcore.agent import Agent
from simcore.common.watchdog import PATIENCE, Watch
from simcore.data.collected import Collected

LOOK_UP = 0.01
"""Seconds between checks whether a thread has ended."""
LOOK = 1.0
"""Seconds between checks whether an actor hangs, while the learner waits."""
CLOSING = 5.0
"""Seconds that threads get to end; one that hangs is left behind, and ends with the process."""


class Weights:
    """The newest weights for all actors, never half-written.

    Args:
        agent: whose weights they are; None: only versions are published.
    """

    def __init__(self, agent: Agent | None) -> None:
        self._agent = agent
        self._lock = threading.Lock()
        self._newest = (0, self._copied())

    def publish(self, version: int) -> None:
        """Publish a copy of the learner's present weights."""
        newest = (version, self._copied())
        with self._lock:
            self._newest = newest

    def load_into(self, agent: Agent) -> int:
        """Load the newest weights into an actor's agent, and return their version."""
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
    An actor that raises ends the run, and so does one that hangs.

    Args:
        make_actor: makes an actor.
        agent: the learner's, copied for each actor, and onto the CPU.
        numbers: of the actors.
        length: Lu, the steps of a trajectory.
        queue_size: how many trajectories the queue holds.
        needs_weights: whether the actors act with the agent, and so need its weights after each update.
        patience: seconds without any trajectory after which a signal ends the wait for one.
    """

    def __init__(
        self,
        make_actor: MakeActor,
        agent: Agent,
        numbers: Sequence[int],
        length: int,
        queue_size: int,
        needs_weights: bool = True,
        patience: float = PATIENCE,
    ) -> None:
        self.length = length
        self._waiting = Watch(None, patience)  # the actors' own say which world it is
        self._weights = Weights(agent if needs_weights else None)
        self._queue: queue.Queue[Collected | ActorError] = queue.Queue(queue_size)
        self._failure: ActorError | None = None
        self._stop = threading.Event()
        self._threads = []
        self._actors = []
        for number in numbers:
            # On the CPU: on a GPU each of its steps would wait for the update that is queued there.
            own_agent = copy.deepcopy(agent).requires_grad_(False).cpu()
            actor = make_actor(number, own_agent)
            thread = threading.Thread(target=self._run, args=(actor, own_agent), name=f"actor {number}", daemon=True)
            self._threads.append(thread)
            self._actors.append(actor)
        self._started = False

    def publish(self, version: int) -> None:
        """Give the learner's present weights to the actors."""
        self._weights.publish(version)

    def take(self, count: int) -> CollectedBatch:
        """Wait for the next `count` trajectories."""
        if not self._started:  # not earlier, since a checkpoint may be loaded into the agent before
            self._started = True
            for thread in self._threads:
                thread.start()
        begin = time.perf_counter()
        parts = tuple(self._next() for _ in range(count))
        return CollectedBatch(parts, time.perf_counter() - begin)

    def close(self) -> None:
        """Stop the actors and release their worlds; trajectories not taken are lost."""
        self._stop.set()
        deadline = time.monotonic() + CLOSING
        for thread in self._threads if self._started else ():
            while thread.is_alive() and time.monotonic() < deadline:
                with contextlib.suppress(queue.Empty):
                    self._queue.get_nowait()  # which frees an actor that waits for room
                thread.join(LOOK_UP)
        for thread, actor in zip(self._threads, self._actors, strict=True):
            if not thread.is_alive():
                actor.worlds.close()

    def _next(self) -> Collected:
        with self._waiting:
            while self._failure is None:
                hung = next((actor for actor in self._actors if actor.hung is not None), None)
                if hung is not None:
                    self._failure = ActorError(f"actor {hung.number} failed: {hung.hung}")
                    break
                with contextlib.suppress(queue.Empty):
                    item = self._queue.get(timeout=LOOK)
                    if isinstance(item, Collected):
                        return item
                    self._failure = item  # its thread has ended, so a further call must not wait for it
        raise self._failure

    def _run(self, actor: Actor, own_agent: Agent) -> None:
        try:
            while not self._stop.is_set():
                version = self._weights.load_into(own_agent)
                # Without a timeout, so that waiting actors get room in the order in which they came.
                self._queue.put(actor.collect(self.length, version))
        except BaseException as error:  # of any kind, so that the learner is informed and does not wait forever
            self._queue.put(actor_error(actor.number, error))
