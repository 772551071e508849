"""Data-parallel learning on several processes: each has a part of the batch, gradients are averaged (App. D)."""

import importlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


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

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes the run's folder."""
        return self.rank == 0

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean over ranks of a tensor that has no gradient."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total)
        return total / self.size

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their means over ranks, in place and in one message."""
        if self.size == 1:
            return
        group = list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in group])
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(group, torch.split(flat, [tensor.numel() for tensor in group]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def any(self, flag: bool, device: torch.device) -> bool:
        """Return whether the flag is true on any rank, so that all decide the same."""
        if self.size == 1:
            return flag
        return bool(self.mean(torch.tensor(float(flag), device=device)) > 0)

    def meet(self) -> None:
        """Wait for all processes at the end of the run, so that gloo's threads hold no tensor when a process ends.

        A thread that still holds one needs Python's lock to release it, and aborts a process that is about to exit.
        """
        if self.size > 1:
            dist.barrier()


def join_ranks(device: torch.device) -> Ranks:
    """Join the other processes that `torchrun` has started, over nccl on GPUs and gloo elsewhere.

    Without `torchrun` this process is alone.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Ranks()
    if not dist.is_initialized():
        # Adam imports this, and if a group exists by then it keeps a reference to it, with which the group's threads
        # outlive the group: one that needs Python's lock while the process exits aborts it.
        importlib.import_module("torch._dynamo")
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Ranks(dist.get_rank(), dist.get_world_size())


def leave_ranks(ranks: Ranks) -> None:
    """Leave the process group, at the end of the run."""
    if ranks.size > 1 and dist.is_initialized():
        dist.destroy_process_group()
