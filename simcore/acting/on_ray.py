"""Actors on Ray, on this machine or a cluster: each is its own process, and is replaced if it dies."""

import copy
import importlib
import logging
import os
import re
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simcore.acting.executor import ActorError, CollectedBatch, Executor, MakeActor
from simcore.agent import Agent
from simcore.common.errors import UserError
from simcore.common.spawning import left_to_the_parent
from simcore.common.threads import own_cores
from simcore.common.tree import exchange
from simcore.common.user_code import UserCodeError, in_a_line
from simcore.common.watchdog import GIVE_UP, PATIENCE, Watch, describe
from simcore.data.collected import Collected

LOOK_UP = 1.0
"""Seconds between checks for silent actors, while the learner waits."""
HOPELESS = 3
"""Failures per actor, with no trajectory from any in between, after which the run gives up."""
REACHABLE = 5.0
"""Seconds in which a cluster must answer; Ray itself would try for minutes."""

TOLD = f"{ActorError.__module__}.{ActorError.__name__}: "
"""What the last line of the traceback of an `ActorError` begins with."""

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


class RemoteActor:
    """An actor in a process of Ray's, with its own copy of the agent on the CPU."""

    def __init__(self, make_actor: MakeActor, number: int, agent: Agent) -> None:
        torch.set_num_threads(1)  # the other cores belong to other actors
        self._weights = agent.state_dict()  # shares the agent's memory
        with telling():
            self._actor = make_actor(number, agent)

    def collect(self, length: int, version: int, weights: Arrays) -> Any:
        """Make a trajectory with the given weights, and return the `Collected`, with arrays in place of tensors."""
        for name, weight in self._weights.items():
            np.copyto(weight.numpy(), weights[name])
        with telling():
            return exchange(self._actor.collect(length, version), Tensor, Tensor.numpy)


@contextmanager
def telling() -> Iterator[None]:
    """Raise an actor's exception as an `ActorError` in one line, since Ray only sends the text of its traceback.

    A mistake in the configuration or a world's rewards, which another actor would make as well, is raised as it is.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        if isinstance(error, UserError) and not isinstance(error, UserCodeError):
            raise
        raise ActorError(in_a_line(error)) from error


@dataclass
class Employed:
    """The learner's record of an actor."""

    number: int
    handle: Any
    """Ray's handle of the actor."""
    owed: deque[Any] = field(default_factory=deque)
    """Ray's references to the trajectories requested of it, oldest first."""
    heard: float = 0.0
    """When it last returned a trajectory, or got a request while it had none; seconds of `time.monotonic`."""
    told: bool = False
    """Whether its silence since then has been reported."""


class OnRay(Executor):
    """Runs each actor in a process on a Ray cluster, and replaces the ones that fail.

    The weights are put into Ray's object store once for each version, and trajectories come back as arrays, so neither
    is pickled; objects in the store are immutable. `queue_size` trajectories are requested of each actor ahead, each
    with the weights that are newest at the request.

    Ray reports failed calls, and processes or machines that died; an actor that is only silent counts as dead after
    `patience`. The trajectories that it finished before the failure are used.

    Args:
        make_actor: makes an actor of a number; pickled.
        agent: the learner's, copied for each actor.
        numbers: an endless supply of unique numbers, for the first actors and then for their replacements.
        actors: how many.
        length: Lu, the steps of a trajectory.
        queue_size: how many trajectories are requested of each actor ahead.
        replacements: how many actors may be replaced.
        address: of the cluster, as in `ray.init`; None: a Ray of its own on this machine, which ends with it. Where
            this process is connected already, that is used.
        patience: seconds without a trajectory after which an actor counts as dead; they include compilation and the
            start of nodes. An actor's silence is reported at a tenth (`GIVE_UP`) of them.
        needs_weights: whether the actors act with the agent, and so need its weights after each update.

    Raises:
        UserError: Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(
        self,
        make_actor: MakeActor,
        agent: Agent,
        numbers: Iterator[int],
        actors: int,
        length: int,
        queue_size: int,
        replacements: int = 100,
        address: str | None = None,
        patience: float = GIVE_UP * PATIENCE,
        needs_weights: bool = True,
    ) -> None:
        self._ray = import_ray()
        self._owns_ray = not self._ray.is_initialized()
        if self._owns_ray:
            connect(self._ray, address, actors)
        self.length = length
        self._agent = agent
        self._needs_weights = needs_weights
        self._newest: tuple[int, Any] = (0, None)
        self._numbers = numbers
        self._queue_size = queue_size
        self._replacements = replacements
        self._patience = patience
        self._waiting = Watch(None, patience / GIVE_UP)
        self._barren = 0  # failures since the last trajectory
        self._hopeless = HOPELESS * actors
        # Actors run on the CPU; the GPU is left to the learner.
        remote = self._ray.remote(num_cpus=1, num_gpus=0, max_restarts=0)(RemoteActor)
        agent_ref = self._ray.put(copy.deepcopy(agent).requires_grad_(False).cpu())
        self._employ: Callable[[int], Any] = lambda number: remote.remote(make_actor, number, agent_ref)
        self._actors = [self._new() for _ in range(actors)]
        self.publish(0)

    def publish(self, version: int) -> None:
        """Put the learner's present weights into Ray's object store, for all actors; if they need none, only once."""
        if not self._needs_weights and version > 0:
            self._newest = (version, self._newest[1])
            return
        weights = {name: value.detach().cpu().numpy() for name, value in self._agent.state_dict().items()}
        self._newest = (version, self._ray.put(weights))

    def take(self, count: int) -> CollectedBatch:
        """Wait for the next `count` trajectories, of any actors."""
        begin = time.monotonic()
        parts: list[Collected] = []
        while len(parts) < count:
            with self._waiting:
                while not (ready := self._next()):
                    pass
            parts += ready
        return CollectedBatch(tuple(parts), time.monotonic() - begin)

    def close(self) -> None:
        """Stop the actors, and Ray if it was started for them; trajectories not taken are lost."""
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors.clear()
        if self._owns_ray:
            self._ray.shutdown()
            self._owns_ray = False

    def _new(self) -> Employed:
        number = next(self._numbers)
        return Employed(number, self._employ(number))

    def _ask(self, actor: Employed) -> None:
        if not actor.owed:
            actor.heard, actor.told = time.monotonic(), False
        version, weights = self._newest
        while len(actor.owed) < self._queue_size:
            actor.owed.append(actor.handle.collect.remote(self.length, version, weights))

    def _next(self) -> list[Collected]:
        """Return the next trajectory in a list, which is empty if none came in time or its actor failed."""
        self._replace_silent()
        for actor in self._actors:
            self._ask(actor)
        oldest = {each.owed[0]: each for each in self._actors}
        ready, _ = self._ray.wait(list(oldest), timeout=LOOK_UP)  # the first that is ready, in the order given
        if not ready:
            return []
        actor = oldest[ready[0]]
        try:
            arrays = self._ray.get(ready[0], timeout=self._patience)
        except self._ray.exceptions.RayError as error:
            self._replace(actor, error)
            return []
        # The arrays are read-only and occupy Ray's store, so they are copied.
        collected: Collected = exchange(arrays, np.ndarray, lambda array: torch.from_numpy(array.copy()))
        actor.owed.popleft()
        actor.heard, actor.told = time.monotonic(), False
        self._actors.remove(actor)  # to the end of the list, so that all actors get their turn
        self._actors.append(actor)
        self._barren = 0
        return [collected]

    def _replace_silent(self) -> None:
        for actor in list(self._actors):
            silent = time.monotonic() - actor.heard
            if not actor.owed or silent < self._patience / GIVE_UP or self._ray.wait([actor.owed[0]], timeout=0)[0]:
                continue
            if not actor.told:
                actor.told = True
                logger.warning("%s", describe(f"no trajectory has come from actor {actor.number}", silent))
            if silent > self._patience:
                free = "if it never began, there may be no free CPU for it: see `ray status`"
                self._replace(actor, TimeoutError(f"no trajectory in {silent:.0f} s; {free}"))

    def _replace(self, actor: Employed, error: Exception) -> None:
        self._ray.kill(actor.handle)
        cause = getattr(error, "cause", None)  # of an exception that the actor raised
        if isinstance(cause, UserError):  # another actor would make the same mistake
            raise ActorError(f"actor {actor.number} failed: {cause}") from error
        self._barren += 1
        if self.replaced == self._replacements or self._barren >= self._hopeless:
            before = f"after {self.replaced} that were replaced"
            raise ActorError(f"actor {actor.number} failed, {before}: {last_line(error)}") from error
        self.replaced += 1
        successor = self._new()
        self._actors[self._actors.index(actor)] = successor
        logger.warning("actor %d failed, actor %d replaces it: %s", actor.number, successor.number, last_line(error))
        logger.info("actor %d failed:\n%s", actor.number, plain_text(error))


def plain_text(error: Exception) -> str:
    """Return Ray's message, with the actor's traceback, without colour codes."""
    return re.sub(r"\x1b\[\d+m", "", str(error)).strip()


def last_line(error: Exception) -> str:
    """Return the last line of an actor's traceback, or the first of Ray's message if it died without one."""
    lines = plain_text(error).splitlines() or [type(error).__name__]
    return lines[-1].removeprefix(TOLD) if "ray::" in lines[0] else lines[0]


def import_ray() -> Any:
    """Import Ray, which is an extra.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise UserError("Ray is not installed: pip install 'simcore[ray]'") from error


def connect(ray: Any, address: str | None, actors: int) -> None:
    """Connect to the Ray cluster at an address, or start one here with room for the actors.

    Raises:
        UserError: it cannot be reached.
    """
    handler = signal.getsignal(signal.SIGTERM)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # the user has not agreed to it
        cpus = max(actors, own_cores())
        options |= {"address": "local", "include_dashboard": False, "num_cpus": cpus}
    else:
        options["address"] = address
    try:
        if address is not None:
            look_for(address)
        with left_to_the_parent():  # by Ray's own processes on this machine, without which no trajectory comes
            ray.init(**options)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        what = f"reach a Ray cluster at {address}" if address is not None else "start Ray on this machine"
        raise UserError(f"cannot {what}: {' '.join(str(error).split())}; see docs/cluster.md") from error
    # Ray's own handler would end a run at once, without its last checkpoint.
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def look_for(address: str) -> None:
    """Raise `OSError` if nothing listens at an address that names a host and a port."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname is not None and parts.port is not None:
        socket.create_connection((parts.hostname, parts.port), REACHABLE).close()
