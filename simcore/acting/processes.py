"""Actors in processes on this machine, which share no interpreter lock with the learner."""

import contextlib
import copy
import ctypes
import errno
import os
import pickle
import resource
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import recv_handle, send_handle
from typing import Any, NamedTuple

import torch
from torch import Tensor

from simcore.acting.executor import ActorError, CollectedBatch, Executor, MakeActor, actor_error
from simcore.acting.shared_slots import LentSlot, Placed, Slot, tensor_in
from simcore.acting.shared_weights import SharedWeights
from simcore.agent import Agent
from simcore.common import spawning
from simcore.common.spawning import CONTEXT, Failure
from simcore.common.tree import exchange
from simcore.common.watchdog import PATIENCE, Watch
from simcore.data.collected import Collected

CLOSING = 5.0
"""Seconds that processes get to end; then they are killed."""
MANY_FILES = 1 << 16
"""Open files that are enough."""


class Made(NamedTuple):
    """An actor process's message that a trajectory is ready in one of its slots."""

    collected: Collected
    """With a `Placed` for each tensor."""
    slot: int
    """The slot's index among the actor's."""
    size: int
    """The slot's size in bytes."""
    is_new: bool
    """Whether the descriptor of the slot's file follows."""


class Employed:
    """The learner's record of an actor's process."""

    def __init__(self, number: int, process: SpawnProcess, results: "Connection[Any, Any]") -> None:
        self.number = number
        self.process = process
        self.results = results
        self.slots: dict[int, LentSlot] = {}

    def receive(self) -> Collected:
        """Return the next trajectory, which must be ready.

        Raises:
            ActorError: the actor failed, or its process has ended.
        """
        try:
            message = self.results.recv()
            if isinstance(message, Made) and message.is_new:
                self.slots[message.slot] = LentSlot(recv_handle(self.results))
        except RuntimeError as error:  # a descriptor that was sent, and could not be opened here
            raise ActorError(f"actor {self.number} cannot hand over what it made: {too_many_files()}") from error
        except (EOFError, OSError) as error:
            ended = spawning.how_it_ended(self.process)
            raise ActorError(f"actor {self.number} failed: {ended}") from error
        if isinstance(message, Failure):
            message.throw()
        shown = self.slots[message.slot].show(message.size)
        trajectory = exchange(message.collected.trajectory, Placed, lambda placed: tensor_in(shown, placed))
        return message.collected._replace(trajectory=trajectory)


class Processes(Executor):
    """Runs each actor in a process of its own, with its own copy of the weights, on one core.

    Trajectories come through shared memory, see `shared_slots`: their tensors use that memory, which is reused when the
    last of them is freed. An actor takes the newest weights when it begins a trajectory. Together, actors may be
    `queue_size` trajectories ahead of the learner, and each makes one more; then they wait. An actor that raises or
    hangs, or whose process is killed, ends the run.

    The processes start at the first `take`.

    Args:
        make_actor: makes an actor; pickled.
        agent: the learner's, copied for each actor.
        numbers: of the actors.
        length: Lu, the steps of a trajectory.
        queue_size: how many trajectories may wait for the learner.
        needs_weights: whether the actors act with the agent, and so need its weights after each update.
        patience: seconds without any trajectory after which this is reported.
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
        self._waiting = Watch(lambda: f"no trajectory has come from actors {', '.join(map(str, numbers))}", patience)
        self._make_actor = make_actor
        self._agent = agent
        self._numbers = numbers
        self._queue_size = queue_size
        self._weights = SharedWeights(agent if needs_weights else None)
        self._actors: list[Employed] = []
        # One byte for each trajectory that may be begun. A read of one byte is atomic, so a killed process leaves no
        # lock behind, and reading ends when the last writer is gone.
        self._leave, self._given = CONTEXT.Pipe(duplex=False)
        self._failure: ActorError | None = None
        self.publish(0)

    @property
    def process_ids(self) -> list[int]:
        """The process ids of the actors; none before the first `take`."""
        return [actor.process.pid for actor in self._actors if actor.process.pid is not None]

    def publish(self, version: int) -> None:
        """Give the learner's present weights to the actors."""
        self._weights.publish(self._agent, version)

    def take(self, count: int) -> CollectedBatch:
        """Wait for the next `count` trajectories."""
        if not self._actors:
            self._start()
        begin = time.perf_counter()
        parts = tuple(self._next() for _ in range(count))
        return CollectedBatch(parts, time.perf_counter() - begin)

    def close(self) -> None:
        """End the actors' processes; trajectories not taken are lost."""
        self._given.close()
        for actor in self._actors:
            actor.results.close()
        spawning.stop([actor.process for actor in self._actors], CLOSING)
        self._actors.clear()

    def _start(self) -> None:
        data = pickle.dumps(copy.deepcopy(self._agent).requires_grad_(False).cpu())
        # In shared memory, since a process reads its pipe only after seconds of imports, and the next would wait.
        pickled = CONTEXT.RawArray(ctypes.c_uint8, len(data))
        memoryview(pickled).cast("B")[:] = data
        allow_many_files()
        for number in self._numbers:
            try:
                here, there = CONTEXT.Pipe()
                arguments = (self._make_actor, pickled, self._weights, number, self.length, self._leave, there)
                process = spawning.start(f"actor {number}", act, *arguments)
            except OSError as error:
                why = too_many_files() if error.errno == errno.EMFILE else str(error.strerror)
                raise ActorError(f"actor {number} cannot be started: {why}") from error
            there.close()  # so that the pipe closes when the process ends
            self._actors.append(Employed(number, process, here))
        self._permit(self._queue_size + len(self._actors))

    def _permit(self, count: int) -> None:
        os.write(self._given.fileno(), bytes(count))

    def _next(self) -> Collected:
        if self._failure is not None:
            raise self._failure
        with self._waiting:
            ready = set(wait([actor.results for actor in self._actors]))
        actor = next(actor for actor in self._actors if actor.results in ready)
        try:
            collected = actor.receive()
        except ActorError as error:
            self._failure = error  # a further call must not wait for this actor
            raise
        self._actors.remove(actor)  # to the end of the list, so that all actors get their turn
        self._actors.append(actor)
        self._permit(1)
        return collected


def allow_many_files() -> None:
    """Raise this process's limit of open files to the most that it may have: each actor takes about ten."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def too_many_files() -> str:
    """Return what to say of the limit of open files."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return f"no more than {limit} files may be open at a time; raise the limit (ulimit -Hn), or have fewer actors"


class LearnerGoneError(Exception):
    """The learner has ended, so no trajectory will be taken."""


def act(
    make_actor: MakeActor,
    pickled: "ctypes.Array[ctypes.c_uint8]",
    weights: SharedWeights,
    number: int,
    length: int,
    leave: "Connection[Any, Any]",
    results: "Connection[Any, Any]",
) -> None:
    """Run an actor's process: make trajectories until the learner has ended.

    Args:
        make_actor: makes the actor.
        pickled: its agent.
        weights: the newest weights.
        number: the actor's number.
        length: Lu, the steps of a trajectory.
        leave: holds a byte for each trajectory that may be begun.
        results: the pipe for each `Made`, or for the `Failure` of the actor.
    """
    torch.set_num_threads(1)  # the other cores belong to other actors
    try:
        agent = pickle.loads(pickled)
        actor = make_actor(number, agent)
        actor.on_hang = partial(end_hung, number, results)
        with contextlib.closing(actor.worlds):
            slots: list[Slot] = []
            while os.read(leave.fileno(), 1):
                version = weights.load_into(agent)
                index = next((index for index, slot in enumerate(slots) if not slot.is_lent), len(slots))
                is_new = index == len(slots)
                if is_new:
                    slots.append(Slot())
                slot = slots[index]
                slot.clear()
                collected = actor.collect(length, version, slot.empty)
                trajectory = exchange(collected.trajectory, Tensor, slot.place)
                slot.lend()
                made = Made(collected._replace(trajectory=trajectory), index, slot.size, is_new)
                try:
                    results.send(made)
                    if is_new:
                        send_handle(results, slot.file, 0)
                except OSError as error:
                    raise LearnerGoneError from error
    except LearnerGoneError:
        return
    except BaseException as error:  # of any kind, so that the learner is informed
        send(results, actor_error(number, error))


def send(results: "Connection[Any, Any]", failure: ActorError) -> None:
    """Tell the learner, if it is still there, how the actor failed."""
    with contextlib.suppress(OSError):
        results.send(Failure(failure))


def end_hung(number: int, results: "Connection[Any, Any]", what: str) -> None:
    """End the process of an actor that hangs, and so sends nothing else; the watchdog's thread calls it."""
    send(results, ActorError(f"actor {number} failed: {what}"))
    os._exit(1)
