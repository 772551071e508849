"""The belief of a session at one step: b_t, and what the probes read from it."""

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
    """The belief after a frame; the probes are run on first use.

    Everything but `hidden` is NumPy, with a leading dimension N if the session has a batch. What no probe reads is
    None.
    """

    hidden: Tensor = field(repr=False)
    """b_t on the nets' device, float `[N, belief_size]`; N is 1 without a batch."""
    is_batch: bool = False
    """Whether the session has a batch."""
    probes: Probes | None = field(default=None, repr=False)
    """The probes that read it, if any."""

    @cached_property
    def vector(self) -> NDArray[np.float32]:
        """b_t, float32 `[belief_size]`."""
        return self._plain(self.hidden)

    @cached_property
    def values(self) -> dict[str, Any]:
        """The value read for each target, by name.

        The most likely class as an int, a vector as float32 `[D]`, a picture as uint8 `[H, W, 3]`.
        """
        return {name: self._value(name) for name in self._read}

    @property
    def map(self) -> NDArray[np.uint8] | None:
        """The map from above, decoded from the belief, uint8 `[M, M, 3]`."""
        return self.values.get("map")

    @property
    def cell(self) -> int | NDArray[np.int64] | None:
        """The most likely cell of the agent, row * M + column."""
        return self.values.get("cell")

    @property
    def heading(self) -> int | NDArray[np.int64] | None:
        """The most likely heading of the agent, in turns clockwise from the start heading."""
        return self.values.get("heading")

    @cached_property
    def probabilities(self) -> dict[str, NDArray[np.float32]]:
        """The probability of each class of a target, float32 `[C]`, by target name."""
        classes = [name for name, kind in self._kinds.items() if kind == "class"]
        return {name: self._plain(self._read[name].float().softmax(dim=-1)) for name in classes}

    @property
    def cell_probabilities(self) -> NDArray[np.float32] | None:
        """The probability of each cell, float32 `[M * M]`."""
        return self.probabilities.get("cell")

    @property
    def heading_probabilities(self) -> NDArray[np.float32] | None:
        """The probability of each heading, float32 `[number of headings]`."""
        return self.probabilities.get("heading")

    @property
    def _kinds(self) -> dict[str, str]:
        return {} if self.probes is None else {target.name: target.kind for target in self.probes.targets}

    @cached_property
    def _read(self) -> Readout:
        if self.probes is None:
            return {}
        with torch.no_grad():
            return cast(Readout, self.probes(self.hidden))

    def _value(self, name: str) -> Any:
        kind, read = self._kinds[name], self._read[name]
        if kind == "picture":
            return self._plain(frames_to_uint8(read.movedim(-1, -3)))
        if kind != "class":
            return self._plain(read)
        best = self._plain(read.argmax(dim=-1))
        return best if self.is_batch else int(best)

    def _plain(self, values: Tensor) -> NDArray[Any]:
        array = values.cpu().numpy().copy()  # which the caller may change
        return array if self.is_batch else array[0]
