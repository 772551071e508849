"""Measures what a trained belief knows of worlds that it was never trained on, beside the best constant guess."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simcore.learning.trajectory import Trajectory, Truth
from simcore.probes.readout import Readout


class Constant(NamedTuple):
    """The best guess that looks at nothing, made from training worlds."""

    map: Tensor
    """The mean map, float `[N, N, 3]` in [0, 1]."""
    cell: int
    """The most frequent cell."""
    heading: int
    """The most frequent heading."""

    @classmethod
    def fit(cls, truth: Truth) -> "Constant":
        """Fit to truths `[T, W, ...]` of worlds other than those that are measured."""
        mean = (truth.maps.to(torch.float64).mean(dim=(0, 1)) / 255.0).float()
        return cls(mean, int(truth.cells.flatten().mode().values), int(truth.headings.flatten().mode().values))

    def read(self, like: Readout) -> Readout:
        """Return the guess in the form of the probes' answer, as often as there are beliefs."""
        cells, headings = torch.zeros_like(like.cells), torch.zeros_like(like.headings)
        cells[..., self.cell] = 1.0
        headings[..., self.heading] = 1.0
        return Readout(self.map.to(like.maps).expand_as(like.maps), cells, headings)


class Scores(NamedTuple):
    """Scores of each step and world, `[T, W]`; NaN where there is nothing to score."""

    map_mse: NDArray[np.float32]
    """Squared error of the map, a pixel and colour in [0, 1]."""
    map_mse_seen: NDArray[np.float32]
    """The same over the cells seen so far in the episode."""
    map_mse_unseen: NDArray[np.float32]
    """The same over the cells not yet seen."""
    cell_accuracy: NDArray[np.float32]
    """1 where the most likely cell is the true one."""
    heading_accuracy: NDArray[np.float32]
    """1 where the most likely heading is the true one."""

    def overall(self) -> "dict[str, float]":
        """Return each score's mean over all steps and worlds."""
        return {name: float(np.nanmean(values)) for name, values in self._asdict().items()}

    def by_time(self) -> "dict[str, NDArray[np.float32]]":
        """Return each score's mean over worlds, `[T]`; NaN at times when no world has anything to score."""
        return {name: _mean_over_worlds(values) for name, values in self._asdict().items()}

    @classmethod
    def join(cls, parts: "list[Scores]") -> "Scores":
        """Put the worlds of several measurements side by side."""
        return cls(*(np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True)))


def score(read: Readout, truth: Truth) -> Scores:
    """Compare what was read with the truth, step by step and world by world."""
    errors = (read.maps - truth.maps / 255.0).square().mean(dim=-1)  # [T, W, N, N]

    def mean_over(cells: Tensor) -> NDArray[np.float32]:
        total = (errors * cells).sum(dim=(-1, -2)) / cells.sum(dim=(-1, -2))  # 0 / 0 is NaN: nothing to score
        return total.cpu().numpy()

    return Scores(
        errors.mean(dim=(-1, -2)).cpu().numpy(),
        mean_over(truth.seen),
        mean_over(~truth.seen),
        (read.cells.argmax(-1) == truth.cells).float().cpu().numpy(),
        (read.headings.argmax(-1) == truth.headings).float().cpu().numpy(),
    )


def truths_of(trajectories: list[Trajectory]) -> Truth:
    """Put the worlds of several trajectories side by side, `[T, W, ...]`."""
    return Truth(*(torch.cat(columns, dim=1) for columns in zip(*(t.truth for t in trajectories), strict=True)))


def _mean_over_worlds(values: NDArray[np.float32]) -> NDArray[np.float32]:
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    total = np.where(present, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan, np.float32), where=count > 0)
