"""A batch of other people's environments, split over processes that step their parts side by side."""

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

PATIENCE = 10.0
"""Seconds in which processes may close their environments; then they are killed."""

Env = gymnasium.Env[Any, Any]


class Made(NamedTuple):
    """What a process tells once its environments are made."""

    action_names: tuple[str, ...]
    observation_space: Space[Any]
    """Of one environment."""
    action_space: Space[Any]
    """Of one environment."""


class Parts:
    """Steps B environments in a few processes, each of which has a `SyncVectorEnv` of its part.

    Gymnasium's `AsyncVectorEnv` wants a process for each environment, which for a batch of 64 is far more than cores.

    It has of `SyncVectorEnv`'s interface what `GymVectorEnv` needs, and gives the same results for the same seeds.
    Frames come through shared memory; those that are returned are overwritten by the next step.

    Args:
        make: makes one environment.
        num_envs: B.
        processes: how many share them, at most B.
        frame_shape: of one environment's observations, which are uint8.
        told: the entries of `info` that are handed on; arrays `[B, ...]`.

    Raises:
        Exception: whatever `make` raised in a process; its traceback there is the cause.
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
        self._pipes: list[Connection[Any, Any]] = []
        self._processes: list[SpawnProcess] = []
        try:
            for part in self._parts:
                here, there = CONTEXT.Pipe()
                arguments = (CloudpickleWrapper(make), part, shared, frame_shape, told, there)
                self._processes.append(spawning.start(f"environments from {part.start}", run_part, *arguments))
                self._pipes.append(here)
                there.close()  # so that the process's end is the end of the pipe
            made: Made = self._answers()[0]
        except BaseException:
            self.close()
            raise
        self._action_names = made.action_names
        self.single_observation_space = made.observation_space
        self.observation_space = batch_space(made.observation_space, num_envs)
        self.action_space = batch_space(made.action_space, num_envs)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Return the action names, which are all that is asked for."""
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
        """Take an action everywhere."""
        self._ask([actions[part] for part in self._parts])
        *results, infos = zip(*self._answers(), strict=True)
        rewards, terminated, truncated = (np.concatenate(parts) for parts in results)
        return self._frames, rewards, terminated, truncated, join_info(infos)

    def close(self, **kwargs: Any) -> None:
        """Close the environments and end the processes."""
        for pipe in self._pipes:
            pipe.close()
        spawning.stop(self._processes, PATIENCE)
        self._pipes, self._processes = [], []

    def _ask(self, questions: Sequence[Any]) -> None:
        for pipe, question in zip(self._pipes, questions, strict=True):
            with contextlib.suppress(OSError):  # of a process that has ended, which the missing answer tells
                pipe.send(question)

    def _answers(self) -> list[Any]:
        """Return what the processes answer, or raise what the first that failed raised."""
        answers = []
        for pipe, part, process in zip(self._pipes, self._parts, self._processes, strict=True):
            try:
                answers.append(pipe.recv())
            except (EOFError, OSError):
                name = f"the environments {part.start} to {part.stop - 1}"
                answers.append(Failure(RuntimeError(f"{name} are gone: {spawning.how_it_ended(process)}")))
        for answer in answers:
            if isinstance(answer, Failure):
                answer.throw()
        return answers


def join_info(infos: Sequence[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Return what the parts of a batch tell as one."""
    return {name: np.concatenate([info[name] for info in infos]) for name in infos[0]}


def run_part(
    make: CloudpickleWrapper,
    part: slice,
    shared: "ctypes.Array[ctypes.c_uint8]",
    frame_shape: tuple[int, int, int],
    told: tuple[str, ...],
    pipe: "Connection[Any, Any]",
) -> None:
    """Step a part of the batch, as told through a pipe until it is closed: what runs in each process.

    It is told the actions, or, as a tuple, the seeds and options of a reset.
    """
    count = part.stop - part.start
    frames = np.frombuffer(shared, np.uint8).reshape(-1, *frame_shape)[part]
    try:
        with contextlib.closing(SyncVectorEnv([make.fn] * count, copy=False)) as envs:
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
    except (EOFError, BrokenPipeError):  # nobody asks any more
        return
    except BaseException as error:  # whatever it was, who waits is told
        with contextlib.suppress(OSError):
            pipe.send(Failure(error))
