"""The newest weights in shared memory, which actors' processes read, never half-written."""

import ctypes
import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simcore.agent import Agent
from simcore.common.spawning import CONTEXT

BEGUN, DONE, VERSIONS = 0, 1, 2
"""Indices in the header: of the counts of publications begun and done, and of the first of the two versions."""

_fence = threading.Lock()


class SharedWeights:
    """Double-buffered weights: one copy is read while the next is written into the other.

    There is no lock, so a killed process blocks no other. A reader so slow that its copy was written again meanwhile
    sees that in the header, and reads again.

    It can be passed to a process at its start.

    Args:
        agent: whose weights they are; None: only versions are published.
    """

    def __init__(self, agent: Agent | None) -> None:
        self._sizes = [leaf.nbytes for leaf in leaves(agent)] if agent is not None else []
        self._copies = [CONTEXT.RawArray(ctypes.c_uint8, sum(self._sizes)) for _ in range(2)]
        self._header = CONTEXT.RawArray(ctypes.c_int64, VERSIONS + 2)
        self._loaded = -1  # the publication last loaded by this process

    def publish(self, agent: Agent, version: int) -> None:
        """Publish an agent's weights, those after `version` updates."""
        header = self._numbers()
        count = int(header[DONE]) + 1
        header[BEGUN] = count
        fence()
        header[VERSIONS + count % 2] = version
        if self._sizes:
            # Concatenated on their device: from a GPU one large copy is quicker than many small ones.
            self._copy(count).copy_(torch.cat([leaf.reshape(-1).view(torch.uint8) for leaf in leaves(agent)]))
        fence()
        header[DONE] = count

    def load_into(self, agent: Agent) -> int:
        """Load the newest weights into an actor's agent, always the same one; return their version."""
        header = self._numbers()
        while True:
            count = int(header[DONE])
            version = int(header[VERSIONS + count % 2])
            if count == self._loaded:
                return version
            fence()
            if self._sizes:
                parts = torch.split_with_sizes(self._copy(count), self._sizes)
                for leaf, part in zip(leaves(agent), parts, strict=True):
                    leaf.copy_(part.clone().view(leaf.dtype).view(leaf.shape))  # a clone is aligned for its type
            fence()
            if header[BEGUN] < count + 2:
                self._loaded = count
                return version

    def _numbers(self) -> NDArray[np.int64]:
        return np.frombuffer(self._header, np.int64)

    def _copy(self, count: int) -> Tensor:
        return torch.from_numpy(np.frombuffer(self._copies[count % 2], np.uint8))


def leaves(agent: Agent) -> list[Tensor]:
    """Return an agent's weights and buffers, which share its memory."""
    return [value.detach() for value in agent.state_dict().values()]


def fence() -> None:
    """Order memory accesses: earlier writes become visible before later ones, on every processor."""
    with _fence:
        pass
