"""Threads of PyTorch in processes that share the machine's cores."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from simcore.common.spawning import threads_are_chosen


def own_cores() -> int:
    """Return how many cores this process may use, which a batch system often limits."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_of_threads(among: int = 1, others: int = 0) -> int:
    """Return how many threads PyTorch should use here.

    Args:
        among: the processes like this one that share the cores, this one included.
        others: processes beside this one that keep a core each busy.

    Returns:
        PyTorch's present number, one a core unless it was set, divided by `among`, less `others`; at least 1. All of
        them if the environment chooses it.
    """
    own = torch.get_num_threads()
    return own if threads_are_chosen() else max(1, own // among - others)


@contextmanager
def shared_cores(among: int = 1, others: int = 0) -> Iterator[str | None]:
    """Let PyTorch use its share of the cores, see `share_of_threads`, and all that it had again at the end.

    Yields:
        A line that reports it; None if nothing changes.
    """
    own, share = torch.get_num_threads(), share_of_threads(among, others)
    if share == own:
        yield None
        return
    torch.set_num_threads(share)
    try:
        yield f"PyTorch uses {share} of {own} threads, as others share the cores; --threads chooses another number"
    finally:
        torch.set_num_threads(own)


@contextmanager
def kept_threads() -> Iterator[None]:
    """Let PyTorch use as many threads after the `with` block as before."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
