"""A batch of Gymnasium environments, split over processes that step their parts in parallel."""

import contextlib
import ctypes
import itertools
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.error import ClosedEnvironmentError
from gymnasium.spaces import Space
from gymnasium.vector import SyncVectorEnv
from gymnasium.vector.utils import CloudpickleWrapper, batch_space
from numpy.typing import NDArray

from simcore.common import spawning
from simcore.common.spawning import CONTEXT, Failure
from simcore.worlds.api import WorldsLostError
from simcore.worlds.checks import require_valid
from simcore.worlds.conventions import RESET_MASK
from simcore.worlds.gym.noted import makers

CLOSING = 10.0
"""Seconds that processes have to close their environments before they are killed."""

Env = gymnasium.Env[Any, Any]


class Made(NamedTuple):
    """A process's first answer, once its environments are made."""

    observation_space: Space[Any]
    """Of one environment."""
    action_space: Space[Any]
    """Of one environment."""
    metadata: dict[str, Any]
    render_mode: str | None


class Call:
    """A call of a method of the `SyncVectorEnv` in a process.

    Args:
        method: its name.
        *arguments: of the call.
        **keywords: of the call.
    """

    def __init__(self, method: str, /, *arguments: Any, **keywords: Any) -> None:
        self.method, self.arguments, self.keywords = method, arguments, keywords

    def __call__(self, envs: "SyncVectorEnv[Any, Any]") -> Any:
        """Make the call, and return what it returns."""
        return getattr(envs, self.method)(*self.arguments, **self.keywords)


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
            made: Made = self._answers([True] * processes)[0]
        except BaseException:
            self.close()
            raise
        self.num_envs = num_envs
        self.metadata, self.render_mode = made.metadata, made.render_mode
        self.single_observation_space = made.observation_space
        self.observation_space = batch_space(made.observation_space, num_envs)
        self.action_space = batch_space(made.action_space, num_envs)

    def reset(
        self, *, seed: Sequence[int | None], options: dict[str, Any] | None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin a new episode everywhere, or where `options["reset_mask"]` is True; `seed[i]` is environment i's.

        Where none begins, the entries of `info` are 0.
        """
        calls: list[Call | None] = [Call("reset", seed=seed[part], options=options) for part in self._parts]
        if options is not None and RESET_MASK in options:
            masks = [options[RESET_MASK][part] for part in self._parts]
            calls = [
                Call("reset", seed=seed[part], options={**options, RESET_MASK: mask}) if mask.any() else None
                for part, mask in zip(self._parts, masks, strict=True)
            ]
        return self._frames, join_info(self._ask(calls), self._parts)

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take an action (`int64 [B]`) everywhere; return frames, rewards, terminated, truncated and info."""
        *results, infos = zip(*self._ask([Call("step", actions[part]) for part in self._parts]), strict=True)
        rewards, terminated, truncated = (np.concatenate(parts) for parts in results)
        return self._frames, rewards, terminated, truncated, join_info(infos, self._parts)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of each environment, or read an attribute; return copies of what they give."""
        answers = self._ask([Call("call", name, *args, **kwargs)] * len(self._parts))
        return tuple(itertools.chain.from_iterable(answers))

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Return copies of an attribute of each environment."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of each environment, to its own value of a list or tuple of B, or else to the same."""
        each = list(values) if isinstance(values, list | tuple) else [values] * self.num_envs
        require_valid(len(each) == self.num_envs, f"{len(each)} values for {self.num_envs} environments")
        self._ask([Call("set_attr", name, each[part]) for part in self._parts])

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

    def _ask(self, calls: Sequence[Call | None]) -> list[Any]:
        """Send each process its call, unless it is None, and return their answers, None where there was no call."""
        if not self._pipes:
            raise ClosedEnvironmentError("the environments are closed")
        # All are pickled before the first is sent, so that none waits for an answer if that fails.
        messages = [None if call is None else ForkingPickler.dumps(call) for call in calls]
        for pipe, message in zip(self._pipes, messages, strict=True):
            if message is not None:
                with contextlib.suppress(OSError):  # the process has ended; the missing answer is reported
                    pipe.send_bytes(message)
        return self._answers([call is not None for call in calls])

    def _answers(self, asked: Sequence[bool]) -> list[Any]:
        """Return the answers of the processes that were asked, or raise the exception of the first that failed."""
        answers = [self._answer(index) if wanted else None for index, wanted in enumerate(asked)]
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


def join_info(infos: Sequence[dict[str, NDArray[Any]] | None], parts: Sequence[slice]) -> dict[str, NDArray[Any]]:
    """Concatenate the `info` of the parts along the batch; 0 where a part has none."""
    told = next(info for info in infos if info is not None)
    joined = {name: np.zeros((parts[-1].stop, *each.shape[1:]), each.dtype) for name, each in told.items()}
    for info, part in zip(infos, parts, strict=True):
        for name, each in (info or {}).items():
            joined[name][part] = each
    return joined


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
    """Step a part of the batch in a process, by the calls that come through a pipe, until it is closed.

    The environment that works is noted in this part's place.
    """
    numbers = range(part.start, part.stop)
    frames = np.frombuffer(shared, np.uint8).reshape(-1, *frame_shape)[part]
    try:
        with contextlib.closing(SyncVectorEnv(makers(make.fn, numbers, notes, place), copy=False)) as envs:
            spaces = envs.single_observation_space, envs.single_action_space
            answer: Any = Made(*spaces, envs.metadata, envs.render_mode)
            while True:
                pipe.send(answer)
                call: Call = pipe.recv()
                if call.method == "reset":
                    frames[:], info = call(envs)
                    answer = {name: info[name] for name in told}
                elif call.method == "step":
                    frames[:], *results, info = call(envs)
                    answer = (*results, {name: info[name] for name in told})
                else:
                    answer = attempt(call, envs)
    except (EOFError, BrokenPipeError):  # the pipe was closed
        return
    except BaseException as error:  # any failure is passed on to the waiting process
        with contextlib.suppress(OSError):
            pipe.send(Failure(error))


def attempt(call: Call, envs: "SyncVectorEnv[Any, Any]") -> Any:
    """Return what a call returns, or its `Failure`, also if that cannot be pickled; the environments go on."""
    try:
        answer = call(envs)
        ForkingPickler.dumps(answer)
    except Exception as error:  # of any kind, since it is raised where the call was made
        return Failure(error)
    return answer
