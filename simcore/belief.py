"""One belief and what it knows: b_t, and what the probes read from it."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simcore.networks import frames_to_uint8
from simcore.probes import Probes
from simcore.probes.readout import Readout


@dataclass(frozen=True, eq=False)
class Belief:
    """The belief after a frame. The probes read it when they are first asked, and are not run before.

    Everything is numpy's, and has a leading dimension N where the session is of a batch. What is read is None where
    there are no probes.
    """

    hidden: Tensor = field(repr=False)
    """b_t on the nets' device, float `[N, belief_size]`; N is 1 for one world."""
    is_batch: bool = False
    """Whether the session is of a batch."""
    probes: Probes | None = field(default=None, repr=False)
    """What reads it."""

    @cached_property
    def vector(self) -> NDArray[np.float32]:
        """b_t, float32 `[belief_size]`."""
        return self._plain(self.hidden)

    @cached_property
    def map(self) -> NDArray[np.uint8] | None:
        """The map from above that the belief holds, uint8 `[M, M, 3]`."""
        read = self._read
        return None if read is None else self._plain(frames_to_uint8(read.maps.movedim(-1, -3)))

    @property
    def cell(self) -> int | NDArray[np.int64] | None:
        """The most likely cell of the agent, row * M + column."""
        return self._most_likely(self.cell_probabilities)

    @property
    def heading(self) -> int | NDArray[np.int64] | None:
        """The most likely heading of the agent, in turns clockwise from that of the start."""
        return self._most_likely(self.heading_probabilities)

    @cached_property
    def cell_probabilities(self) -> NDArray[np.float32] | None:
        """How probable each cell is held to be, float32 `[M * M]`."""
        read = self._read
        return None if read is None else self._plain(read.cells.softmax(dim=-1))

    @cached_property
    def heading_probabilities(self) -> NDArray[np.float32] | None:
        """How probable each heading is held to be, float32 `[number of headings]`."""
        read = self._read
        return None if read is None else self._plain(read.headings.softmax(dim=-1))

    @cached_property
    def _read(self) -> Readout | None:
        if self.probes is None:
            return None
        with torch.no_grad():
            return cast(Readout, self.probes(self.hidden))

    def _plain(self, values: Tensor) -> NDArray[Any]:
        array = values.cpu().numpy()
        return array if self.is_batch else array[0]

    def _most_likely(self, probabilities: NDArray[np.float32] | None) -> int | NDArray[np.int64] | None:
        if probabilities is None:
            return None
        best = probabilities.argmax(axis=-1)
        return best if self.is_batch else int(best)
