"""Measures what a trained belief knows of worlds that it was never trained on, beside the best constant guess."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simcore.learning.trajectory import Truth
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
    def fit(cls, truths: Iterable[Truth]) -> "Constant":
        """Fit to truths `[T, W, ...]` of worlds other than those that are measured, taken one after the other."""
        maps: Tensor | int = 0
        count, cells, headings = 0, Counter[int](), Counter[int]()
        for truth in truths:
            maps = maps + truth.maps.sum(dim=(0, 1))
            count += truth.cells.numel()
            cells.update(truth.cells.flatten().tolist())
            headings.update(truth.headings.flatten().tolist())
        assert isinstance(maps, Tensor), "there is a truth"
        # Of equals the lowest, whatever the order of the worlds.
        most = (max(counts, key=lambda value: (counts[value], -value)) for counts in (cells, headings))
        return cls((maps.double() / (255.0 * count)).float(), *most)

    def read(self, like: Readout) -> Readout:
        """Return the guess in the form of the probes' answer, as often as there are beliefs."""
        cells, headings = torch.zeros_like(like.cells), torch.zeros_like(like.headings)
        cells[..., self.cell] = 1.0
        headings[..., self.heading] = 1.0
        return Readout(self.map.to(like.maps).expand_as(like.maps), cells, headings)


class Fading(NamedTuple):
    """The map's error by the steps since a frame last showed a cell: how what is out of sight fades (App. I)."""

    squared: NDArray[np.float64]
    """The sum of the squared errors of the cells last seen so many steps ago, `[A, W]`; 0: in sight."""
    cells: NDArray[np.int64]
    """How many they are, `[A, W]`."""

    @classmethod
    def of(cls, errors: Tensor, since_seen: Tensor) -> "Fading":
        """Sort errors `[T, W, N, N]` by `since_seen`, alike; -1 is left out."""
        ages, worlds = since_seen.shape[:2]  # nothing was seen longer ago than the episode is long
        world = torch.arange(worlds, device=since_seen.device)[:, None, None]
        bins = (since_seen.long() * worlds + world)[since_seen >= 0]
        size = ages * worlds
        squared = torch.bincount(bins, errors[since_seen >= 0].double(), size)
        cells = torch.bincount(bins, minlength=size)
        return cls(squared.view(ages, worlds).cpu().numpy(), cells.view(ages, worlds).cpu().numpy())

    def map_mse(self, first: int, last: int) -> float:
        """Return the mean error of the cells last seen `first` to `last` steps ago; NaN where there are none."""
        cells = self.cells[first : last + 1].sum()
        return float(self.squared[first : last + 1].sum() / cells) if cells else np.nan

    def by_age(self) -> NDArray[np.float64]:
        """Return the mean error of the cells last seen 0, 1, ... steps ago, `[A]`; NaN where there are none."""
        return np.array([self.map_mse(age, age) for age in range(len(self.cells))])


class Scores(NamedTuple):
    """Scores of each step and world, `[T, W]`, NaN where there is nothing to score; and the map's error by age."""

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
    fading: Fading
    """The map's error by the steps since a cell was seen."""

    def stepwise(self) -> "dict[str, NDArray[np.float32]]":
        """Return the scores of each step and world by name."""
        return {name: values for name, values in self._asdict().items() if name != "fading"}

    def overall(self) -> "dict[str, float]":
        """Return each score's mean over all steps and worlds."""
        return {name: float(np.nanmean(values)) for name, values in self.stepwise().items()}

    def by_time(self) -> "dict[str, NDArray[np.float32]]":
        """Return each score's mean over worlds, `[T]`; NaN at times when no world has anything to score."""
        return {name: _mean_over_worlds(values) for name, values in self.stepwise().items()}

    @classmethod
    def join(cls, parts: "list[Scores]") -> "Scores":
        """Put the worlds of several measurements side by side."""
        fading = Fading(*(np.concatenate(columns, axis=1) for columns in zip(*(p.fading for p in parts), strict=True)))
        stepwise = [part.stepwise() for part in parts]
        return cls(**{name: np.concatenate([s[name] for s in stepwise], axis=1) for name in stepwise[0]}, fading=fading)


def score(read: Readout, truth: Truth) -> Scores:
    """Compare what was read with the truth, step by step and world by world, from the episodes' start."""
    assert truth.since_seen is not None, "the actor makes trajectories that are to be measured"
    seen = truth.since_seen >= 0
    errors = (read.maps - truth.maps / 255.0).square().mean(dim=-1)  # [T, W, N, N]

    def mean_over(cells: Tensor) -> NDArray[np.float32]:
        total = (errors * cells).sum(dim=(-1, -2)) / cells.sum(dim=(-1, -2))  # 0 / 0 is NaN: nothing to score
        return total.cpu().numpy()

    return Scores(
        errors.mean(dim=(-1, -2)).cpu().numpy(),
        mean_over(seen),
        mean_over(~seen),
        (read.cells.argmax(-1) == truth.cells).float().cpu().numpy(),
        (read.headings.argmax(-1) == truth.headings).float().cpu().numpy(),
        Fading.of(errors, truth.since_seen),
    )


class Spread(NamedTuple):
    """How much samples of the map differ, as a part of how much the worlds themselves differ in the same cells.

    0: all samples agree; 1: they differ as if nothing were known. Walls are alike in all worlds, so without comparing
    them, a wall not yet seen would count as known. NaN where there is no such cell.
    """

    seen: float
    """On the cells seen so far in the episode."""
    unseen: float
    """On the cells not yet seen."""


def spread(samples: Tensor, maps: Tensor, since_seen: Tensor) -> Spread:
    """Measure how much samples of the map differ on cells seen and not yet seen.

    Args:
        samples: uint8 `[S, ..., N, N, 3]`.
        maps: the true maps, uint8 `[..., N, N, 3]`.
        since_seen: `[..., N, N]`; -1 where a cell has not been seen.
    """
    variance = (samples / 255.0).var(dim=0).mean(dim=-1)
    worlds = maps.flatten(0, -4) / 255.0
    between = (worlds - worlds.mean(dim=0)).square().mean(dim=-1).view_as(variance)
    seen = since_seen >= 0
    return Spread(*(float(variance[cells].sum() / between[cells].sum()) for cells in (seen, ~seen)))


def _mean_over_worlds(values: NDArray[np.float32]) -> NDArray[np.float32]:
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    total = np.where(present, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan, np.float32), where=count > 0)
