"""Data-parallel learning on several processes: each has a part of the batch, gradients are averaged."""

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from simcore.common.checks import require
from simcore.common.errors import UserError

Result = TypeVar("Result")

SILENCE = timedelta(minutes=30)
"""How long a process may be silent. More than the time after which a run gives up an actor, ten minutes by default: so
long the others wait in a message, which NCCL by itself would give up after ten minutes too."""
_REMEDY = "torchrun sets it; without torchrun, unset WORLD_SIZE"


@dataclass(frozen=True)
class Launch:
    """A process's place among those that `torchrun` has started, by its environment variables; by default it is alone.

    Raises:
        UserError: a number is out of its range.
    """

    rank: int = 0
    """`RANK`: its number."""
    size: int = 1
    """`WORLD_SIZE`: how many there are."""
    local_rank: int = 0
    """`LOCAL_RANK`: its number on this machine."""
    local_size: int = 1
    """`LOCAL_WORLD_SIZE`: how many there are on this machine."""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("WORLD_SIZE", self.size, 1, None),
            ("LOCAL_WORLD_SIZE", self.local_size, 1, self.size),
            ("RANK", self.rank, 0, self.size - 1),
            ("LOCAL_RANK", self.local_rank, 0, self.local_size - 1),
        ):
            is_within = low <= value and (high is None or value <= high)
            require(is_within, f"{name} is {value}, not {low} {'or more' if high is None else f'to {high}'}; {_REMEDY}")

    @classmethod
    def read(cls) -> "Launch":
        """Return the place given by the environment variables; without `LOCAL_...`, all processes are on this machine.

        Raises:
            UserError: a variable is missing or no whole number, or a number is out of its range.
        """
        size = _read("WORLD_SIZE", 1)
        if size <= 1:
            return cls(size=size)
        rank = _read("RANK")
        return cls(rank, size, _read("LOCAL_RANK", rank), _read("LOCAL_WORLD_SIZE", size))


def _read(name: str, default: int | None = None) -> int:
    text = os.environ.get(name)
    if text is None:
        require(default is not None, f"WORLD_SIZE is set and {name} is not; {_REMEDY}")
        return default or 0
    try:
        return int(text)
    except ValueError:
        raise UserError(f"{name} is {text!r}, which is no whole number; {_REMEDY}") from None


@contextmanager
def reaching_others() -> Iterator[None]:
    """Raise the error of a message between processes as a `UserError` of one line.

    Raises:
        UserError: another process has ended, or cannot be reached.
    """
    try:
        yield
    except RuntimeError as error:  # gloo's and NCCL's
        raise UserError(
            "another process of this run has ended, or cannot be reached any more; its own output says why"
        ) from error


@dataclass(frozen=True)
class Ranks:
    """The processes that learn together; by default there is one, and no method communicates.

    Losses are sums over a rank's part of the batch, divided by the mean over ranks of the number of terms. The mean of
    such losses over ranks, and of their gradients, is that of the whole batch, whatever each rank's share of it.
    """

    rank: int = 0
    """This process's number."""
    size: int = 1
    """How many there are."""
    owns_group: bool = False
    """Whether `join_ranks` has made their process group, which `leave_ranks` then destroys."""

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes the run's folder."""
        return self.rank == 0

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean over ranks of a tensor that has no gradient."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        with reaching_others():
            dist.all_reduce(total)
        return total / self.size

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their means over ranks, in place and in one message."""
        if self.size == 1:
            return
        group = list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in group])
        with reaching_others():
            dist.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(group, torch.split(flat, [tensor.numel() for tensor in group]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def any(self, flag: bool, device: torch.device) -> bool:
        """Return whether the flag is true on any rank, so that all decide the same."""
        if self.size == 1:
            return flag
        return bool(self.mean(torch.tensor(float(flag), device=device)) > 0)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by the first rank's, in place."""
        if self.size == 1:
            return
        with reaching_others():
            for tensor in tensors:
                if tensor.numel():
                    dist.broadcast(tensor, 0)

    def told(self, value: Result) -> Result:
        """Return the first rank's value, on all ranks; it is pickled."""
        if self.size == 1:
            return value
        box = [value]
        with reaching_others():
            dist.broadcast_object_list(box)
        return box[0]

    def require_same(self, value: str, what: str) -> None:
        """Check that a value is the same on all ranks.

        Raises:
            UserError: it is not; raised on all.
        """
        if self.size == 1:
            return
        values: list[str] = [""] * self.size
        with reaching_others():
            dist.all_gather_object(values, value)
        other = next((rank for rank, each in enumerate(values) if each != values[0]), None)
        require(
            other is None,
            f"{what} of process {other} differ from those of process 0; all processes must share the run's folder, and "
            "have the same command and the same SimCore",
        )

    def first_before_others(self, call: Callable[[], Result]) -> Result:
        """Make a call on the first rank and then on the others, such as one that makes a file that the others open.

        Raises:
            UserError: the first rank's call raised it; it is raised on all.
        """
        if self.size == 1:
            return call()
        if self.is_first:
            complaint = None
            try:
                return call()
            except UserError as error:
                complaint = str(error)
                raise
            finally:
                self.told(complaint)
        complaint = self.told(None)
        if complaint is not None:
            raise UserError(complaint)
        return call()

    def meet(self) -> None:
        """Wait for all processes at the end of the run, so that gloo's threads hold no tensor when a process ends.

        A thread that still holds one needs Python's lock to release it, and aborts a process that is about to exit.
        """
        if self.size > 1:
            with reaching_others():
                dist.barrier()


def join_ranks(device: torch.device) -> Ranks:
    """Join the other processes that `torchrun` has started, over nccl on GPUs and gloo elsewhere.

    Without `torchrun` this process is alone.

    Raises:
        UserError: the environment variables do not say where the others are, or they cannot be reached.
    """
    if Launch.read().size == 1:
        return Ranks()
    is_new = not dist.is_initialized()
    if is_new:
        # Adam imports this, and if a group exists by then it keeps a reference to it, with which the group's threads
        # outlive the group: one that needs Python's lock while the process exits aborts it.
        importlib.import_module("torch._dynamo")
        try:
            if device.type == "cuda":
                torch.cuda.set_device(device)  # for what names no device: collectives of objects, and streams
                own_gpu = torch.device("cuda", torch.cuda.current_device())
                dist.init_process_group("nccl", device_id=own_gpu, timeout=SILENCE)
            else:
                dist.init_process_group("gloo", timeout=SILENCE)
        except (ValueError, RuntimeError) as error:
            cause = " ".join(str(error).split())
            raise UserError(f"cannot join the other processes, which torchrun starts: {cause}") from error
    return Ranks(dist.get_rank(), dist.get_world_size(), is_new)


def leave_ranks(ranks: Ranks) -> None:
    """Leave the process group, at the end of the run, unless somebody else has made it."""
    if ranks.owns_group and dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def joined_ranks(device: torch.device) -> Iterator[Ranks]:
    """Join the other processes, and leave them at the end; see `join_ranks`."""
    ranks = join_ranks(device)
    try:
        yield ranks
    finally:
        leave_ranks(ranks)
