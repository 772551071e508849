"""The newest weights in memory that all actors' processes read, never seen half-written."""

import ctypes
import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simcore.agent import Agent
from simcore.common.spawning import CONTEXT

BEGUN, DONE, VERSIONS = 0, 1, 2
"""Where the header counts the publications that have begun and that are done, and where the two versions are."""

_fence = threading.Lock()


class SharedWeights:
    """Two copies of the weights in turn: one is read while the next is written into the other.

    Nobody waits for anybody, so a process that is killed holds up no other. A reader that was so slow that its copy was
    written again meanwhile sees that by the header, and reads anew.

    It can be given to a process at its start.

    Args:
        agent: whose weights they are; None: nobody needs them, and versions alone are told.
    """

    def __init__(self, agent: Agent | None) -> None:
        self._sizes = [leaf.nbytes for leaf in leaves(agent)] if agent is not None else []
        self._copies = [CONTEXT.RawArray(ctypes.c_uint8, sum(self._sizes)) for _ in range(2)]
        self._header = CONTEXT.RawArray(ctypes.c_int64, VERSIONS + 2)
        self._loaded = -1  # by this process

    def publish(self, agent: Agent, version: int) -> None:
        """Copy an agent's weights; they have seen `version` updates."""
        header = self._numbers()
        count = int(header[DONE]) + 1
        header[BEGUN] = count
        fence()
        header[VERSIONS + count % 2] = version
        if self._sizes:
            # Put together where they are: from a GPU one large copy is quicker than many small ones.
            self._copy(count).copy_(torch.cat([leaf.reshape(-1).view(torch.uint8) for leaf in leaves(agent)]))
        fence()
        header[DONE] = count

    def load_into(self, agent: Agent) -> int:
        """Give an actor's agent, always the same, the newest weights; return their version."""
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
                    leaf.copy_(part.clone().view(leaf.dtype).view(leaf.shape))  # a clone begins where a number may
            fence()
            if header[BEGUN] < count + 2:
                self._loaded = count
                return version

    def _numbers(self) -> NDArray[np.int64]:
        return np.frombuffer(self._header, np.int64)

    def _copy(self, count: int) -> Tensor:
        return torch.from_numpy(np.frombuffer(self._copies[count % 2], np.uint8))


def leaves(agent: Agent) -> list[Tensor]:
    """Return an agent's weights and buffers, which are its own memory."""
    return [value.detach() for value in agent.state_dict().values()]


def fence() -> None:
    """Let what is written before be seen before what is written after, on every processor."""
    with _fence:
        pass
