"""A batch of Gymnasium environments, split over processes that step their parts in parallel."""

import contextlib
import ctypes
import itertools
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Space
from gymnasium.vector import SyncVectorEnv
from gymnasium.vector.utils import CloudpickleWrapper, batch_space
from numpy.typing import NDArray

from simcore.common import spawning
from simcore.common.spawning import CONTEXT, Failure
from simcore.worlds.api import WorldsLostError
from simcore.worlds.gym.noted import makers

CLOSING = 10.0
"""Seconds that processes have to close their environments before they are killed."""

Env = gymnasium.Env[Any, Any]


class Made(NamedTuple):
    """A process's first answer, once its environments are made."""

    action_names: tuple[str, ...]
    observation_space: Space[Any]
    """Of one environment."""
    action_space: Space[Any]
    """Of one environment."""


class Parts:
    """B environments in a few processes, each of which steps a `SyncVectorEnv` of its part.

    Gymnasium's `AsyncVectorEnv` takes a process for each environment, which for a batch of 64 is far more than cores.
    This class has the part of `SyncVectorEnv`'s interface that `GymVectorEnv` needs, and gives the same results for the
    same seeds. Frames come through shared memory; returned frames are overwritten by the next step.

    Args:
        make: makes one environment.
        num_envs: B.
        processes: the number of processes, at most B.
        frame_shape: the shape of one environment's observations, which are uint8.
        told: the keys of `info` that are returned, as arrays `[B, ...]`.

    Raises:
        Exception: the exception that `make` raised in a process; its traceback there is the cause.
        WorldsLostError: at any call, if a process has ended.
    """

    def __init__(
        self,
        make: Callable[[], Env],
        num_envs: int,
        processes: int,
        frame_shape: tuple[int, int, int],
        told: tuple[str, ...] = (),
    ) -> None:
        shared = CONTEXT.RawArray(ctypes.c_uint8, num_envs * int(np.prod(frame_shape)))
        self._frames = np.frombuffer(shared, np.uint8).reshape(num_envs, *frame_shape)
        bounds = np.linspace(0, num_envs, processes + 1).astype(int).tolist()
        self._parts = [slice(*pair) for pair in itertools.pairwise(bounds)]
        self._notes = CONTEXT.RawArray(ctypes.c_int64, bounds[:-1])  # the environment that works, of each part
        self._awaited: int | None = None  # the part whose answer is being waited for
        self._abandoned: set[int] = set()
        self._pipes: list[Connection[Any, Any]] = []
        self._processes: list[SpawnProcess] = []
        try:
            for place, part in enumerate(self._parts):
                here, there = CONTEXT.Pipe()
                arguments = (CloudpickleWrapper(make), part, shared, frame_shape, told, self._notes, place, there)
                self._processes.append(spawning.start(f"environments from {part.start}", run_part, *arguments))
                self._pipes.append(here)
                there.close()  # so that the pipe ends when the process ends
            made: Made = self._answers()[0]
        except BaseException:
            self.close()
            raise
        self._action_names = made.action_names
        self.single_observation_space = made.observation_space
        self.observation_space = batch_space(made.observation_space, num_envs)
        self.action_space = batch_space(made.action_space, num_envs)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Return the action names, the only attribute that `GymVectorEnv` reads."""
        assert name == "action_names"
        return (self._action_names,)

    def reset(
        self, *, seed: Sequence[int | None], options: dict[str, Any] | None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin a new episode everywhere; environment i is seeded with `seed[i]`."""
        self._ask([(seed[part], options) for part in self._parts])
        return self._frames, join_info(self._answers())

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take an action (`int64 [B]`) everywhere; return frames, rewards, terminated, truncated and info."""
        self._ask([actions[part] for part in self._parts])
        *results, infos = zip(*self._answers(), strict=True)
        rewards, terminated, truncated = (np.concatenate(parts) for parts in results)
        return self._frames, rewards, terminated, truncated, join_info(infos)

    @property
    def busy_with(self) -> str:
        """The environment that is waited for, and its process."""
        awaited = self._awaited or 0
        return f"environment {self._notes[awaited]} (process {self._processes[awaited].pid})"

    def abandon(self) -> bool:
        """Kill the process that is waited for; the call that waits for it then raises."""
        awaited = self._awaited
        if awaited is None:
            return False
        self._abandoned.add(awaited)
        self._processes[awaited].kill()
        return True

    def close(self, **kwargs: Any) -> None:
        """Close the environments and end the processes."""
        for pipe in self._pipes:
            pipe.close()
        spawning.stop(self._processes, CLOSING)
        self._pipes, self._processes = [], []

    def _ask(self, questions: Sequence[Any]) -> None:
        for pipe, question in zip(self._pipes, questions, strict=True):
            with contextlib.suppress(OSError):  # the process has ended; the missing answer is reported
                pipe.send(question)

    def _answers(self) -> list[Any]:
        """Return the processes' answers, or raise the exception of the first that failed."""
        answers = [self._answer(index) for index in range(len(self._pipes))]
        for answer in answers:
            if isinstance(answer, Failure):
                answer.throw()
        return answers

    def _answer(self, index: int) -> Any:
        self._awaited = index
        try:
            return self._pipes[index].recv()
        except (EOFError, OSError) as error:
            raise WorldsLostError(self._how_it_was_lost(index)) from error
        finally:
            self._awaited = None

    def _how_it_was_lost(self, index: int) -> str:
        if index in self._abandoned:
            return f"environment {self._notes[index]} did not answer, and its process was killed"
        part = self._parts[index]
        name = f"the environments {part.start} to {part.stop - 1}"
        return f"{name} are gone: {spawning.how_it_ended(self._processes[index])}"


def join_info(infos: Sequence[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Concatenate the `info` of the parts along the batch."""
    return {name: np.concatenate([info[name] for info in infos]) for name in infos[0]}


def run_part(
    make: CloudpickleWrapper,
    part: slice,
    shared: "ctypes.Array[ctypes.c_uint8]",
    frame_shape: tuple[int, int, int],
    told: tuple[str, ...],
    notes: "ctypes.Array[ctypes.c_int64]",
    place: int,
    pipe: "Connection[Any, Any]",
) -> None:
    """Step a part of the batch in a process, by the messages of a pipe, until it is closed.

    A message holds the actions of a step, or, as a tuple, the seeds and options of a reset. The environment that works
    is noted in this part's place.
    """
    numbers = range(part.start, part.stop)
    frames = np.frombuffer(shared, np.uint8).reshape(-1, *frame_shape)[part]
    try:
        with contextlib.closing(SyncVectorEnv(makers(make.fn, numbers, notes, place), copy=False)) as envs:
            names = envs.get_attr("action_names")[0]
            answer: Any = Made(names, envs.single_observation_space, envs.single_action_space)
            while True:
                pipe.send(answer)
                question = pipe.recv()
                if isinstance(question, tuple):
                    seeds, options = question
                    observations, info = envs.reset(seed=list(seeds), options=options)
                    answer = {name: info[name] for name in told}
                else:
                    observations, *results, info = envs.step(question)
                    answer = (*results, {name: info[name] for name in told})
                frames[:] = observations
    except (EOFError, BrokenPipeError):  # the pipe was closed
        return
    except BaseException as error:  # any failure is passed on to the waiting process
        with contextlib.suppress(OSError):
            pipe.send(Failure(error))
