"""Slots: shared memory in which an actor's process makes trajectories, and from which the learner reads them.

A trajectory is written where it will be read, and neither copied nor pickled on its way. The memory is an anonymous
file, of which nothing can be left behind; its descriptor is sent with the first trajectory in it.

A slot is free again when the last tensor that uses it is freed, wherever the learner kept it. So nothing has to be
released explicitly, and nothing that is still in use is overwritten.
"""

import mmap
import os
import tempfile
import weakref
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ALIGNED = 64
"""Alignment of tensors in bytes, a cache line; the first line of a slot says whether it is lent."""


@dataclass(frozen=True)
class Placed:
    """The place of a tensor in its slot."""

    offset: int
    """Bytes from the slot's beginning."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Slot:
    """A slot as its owner, the actor's process, sees it. It grows as needed, and does not shrink."""

    def __init__(self) -> None:
        self.file = open_memory()
        """The descriptor of the slot's file."""
        self.size = 0
        """The slot's size in bytes."""
        self._end = ALIGNED
        self._offsets: dict[int, int] = {}
        self._grow(ALIGNED)

    @property
    def is_lent(self) -> bool:
        """Whether the learner still uses it."""
        return self._memory[0] != 0

    def lend(self) -> None:
        """Lend it to the learner, which gives it back by `LentSlot`."""
        self._memory[0] = 1

    def clear(self) -> None:
        """Free all the space in it."""
        self._end = ALIGNED
        self._offsets.clear()

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Allocate an array in the slot, like `np.empty`."""
        offset = self._end
        size = prod(shape) * dtype.itemsize
        self._end = -(-(offset + size) // ALIGNED) * ALIGNED
        if self._end > self.size:
            self._grow(self._end)
        array: NDArray[Any] = np.ndarray(shape, dtype, self._memory, offset)
        self._offsets[array.ctypes.data] = offset
        return array

    def place(self, tensor: Tensor) -> Placed:
        """Return the place of a tensor in the slot, into which it is copied unless it is there already."""
        values = tensor.contiguous().numpy()
        offset = self._offsets.get(values.ctypes.data)
        if offset is None or values.size == 0:
            copied = self.empty(values.shape, values.dtype)
            copied[...] = values
            offset = self._offsets[copied.ctypes.data]
        return Placed(offset, values.shape, values.dtype)

    def _grow(self, size: int) -> None:
        os.ftruncate(self.file, size)
        # Arrays in the old mapping use the same memory, and keep that mapping alive.
        self._memory = mmap.mmap(self.file, size)
        self.size = size


class LentSlot:
    """A slot as the learner sees it.

    Args:
        file: the descriptor of its file; closed with this object.
    """

    def __init__(self, file: int) -> None:
        self._memory: mmap.mmap | None = None
        self._file = file
        weakref.finalize(self, os.close, file)

    def show(self, size: int) -> NDArray[np.uint8]:
        """Return the slot's bytes; the slot is given back when they, and all tensors made of them, are freed."""
        if self._memory is None or len(self._memory) < size:
            self._memory = mmap.mmap(self._file, size)
        shown = np.frombuffer(self._memory, np.uint8)
        weakref.finalize(shown, give_back, self._memory).atexit = False
        return shown


def tensor_in(shown: NDArray[np.uint8], placed: Placed) -> Tensor:
    """Return a tensor that is in a slot; it shares the slot's memory."""
    size = prod(placed.shape) * placed.dtype.itemsize
    values = shown[placed.offset : placed.offset + size].view(placed.dtype)
    return torch.from_numpy(values.reshape(placed.shape))


def give_back(memory: mmap.mmap) -> None:
    """Tell the slot's owner that it is free."""
    memory[0] = 0


def open_memory() -> int:
    """Open a new anonymous file, in memory where the system supports that; return its descriptor."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("simcore slot")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
