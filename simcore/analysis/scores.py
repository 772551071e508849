"""Measures what a trained belief knows of worlds that it was never trained on, beside the best constant guess."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simcore.data.targets import OLD, ProbeTargets
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
    def fit(cls, truths: Iterable[ProbeTargets]) -> "Constant":
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


class ErrorByAge(NamedTuple):
    """The map's error by the steps since a frame last showed a cell: how what is out of sight fades (App. I)."""

    squared: NDArray[np.float64]
    """The sum of the squared errors of the cells last seen so many steps ago, `[A, W]`; 0: in sight."""
    cells: NDArray[np.int64]
    """How many they are, `[A, W]`."""

    @classmethod
    def of(cls, errors: Tensor, since_seen: Tensor) -> "ErrorByAge":
        """Sort errors `[T, W, N, N]` by `since_seen`, alike; -1 is left out."""
        ages, worlds = since_seen.shape[:2]  # nothing was seen longer ago than the episode is long
        world = torch.arange(worlds, device=since_seen.device)[:, None, None]
        size = ages * worlds
        bins = torch.where(since_seen >= 0, since_seen.long() * worlds + world, size).flatten()  # the last is left out
        cells = torch.zeros(size + 1, dtype=torch.int64, device=bins.device).index_add_(0, bins, torch.ones_like(bins))
        squared = torch.zeros_like(cells, dtype=torch.float64).index_add_(0, bins, errors.double().flatten())
        return cls(*(sums[:-1].view(ages, worlds).cpu().numpy() for sums in (squared, cells)))

    def map_mse(self, first: int, last: int) -> float:
        """Return the mean error of the cells last seen `first` to `last` steps ago; NaN where there are none."""
        cells = self.cells[first : last + 1].sum()
        return float(self.squared[first : last + 1].sum() / cells) if cells else np.nan

    def by_age(self) -> NDArray[np.float64]:
        """Return the mean error of the cells last seen 0, 1, ... steps ago, `[A]`; NaN where there are none."""
        return np.array([self.map_mse(age, age) for age in range(len(self.cells))])


class MapError(NamedTuple):
    """The map's squared error over some of its cells, at each step of each world."""

    squared: NDArray[np.float64]
    """The sum over those cells, a cell's error being the mean over its colours, in [0, 1]; `[T, W]`."""
    cells: NDArray[np.int64]
    """How many they are, `[T, W]`."""

    @classmethod
    def over(cls, errors: Tensor, cells: Tensor) -> "MapError":
        """Sum errors `[T, W, N, N]` over cells, bool alike."""
        squared = torch.where(cells, errors, 0.0).sum(dim=(-1, -2), dtype=torch.float64)
        return cls(squared.cpu().numpy(), cells.sum(dim=(-1, -2)).cpu().numpy())

    def mse(self) -> float:
        """Return the mean over all cells of all steps and worlds; NaN where there are none."""
        cells = self.cells.sum()
        return float(self.squared.sum() / cells) if cells else math.nan

    def mse_by_time(self) -> NDArray[np.float64]:
        """Return the mean over the cells of all worlds, `[T]`; NaN at times when there are none."""
        return _divide(self.squared.sum(axis=1), self.cells.sum(axis=1))

    def mse_by_step_and_world(self) -> NDArray[np.float64]:
        """Return the mean over the cells of each step and world, `[T, W]`; NaN where there are none."""
        return _divide(self.squared, self.cells)


REGIONS = {"map_mse": "all cells", "map_mse_seen": "seen", "map_mse_unseen": "unseen", "map_mse_old": "old"}
"""The parts of the map that are scored apart: a score's name, and the part's."""
SCORES = (*REGIONS, "cell_accuracy", "heading_accuracy")


class Scores(NamedTuple):
    """Scores of each step and world, `[T, W]`; and the map's error by age."""

    map: MapError
    """Over the whole map."""
    seen: MapError
    """Over the cells that a frame of the episode has shown."""
    unseen: MapError
    """Over the others."""
    old: MapError
    """Over the cells seen, and then out of sight for `OLD` steps or more, which only a memory can know."""
    cell_accuracy: NDArray[np.float32]
    """1 where the most likely cell is the true one, `[T, W]`."""
    heading_accuracy: NDArray[np.float32]
    """1 where the most likely heading is the true one, `[T, W]`."""
    error_by_age: ErrorByAge
    """The map's error by the steps since a cell was seen."""

    def map_errors(self) -> dict[str, MapError]:
        """Return the map's errors by the scores' names."""
        return dict(zip(REGIONS, (self.map, self.seen, self.unseen, self.old), strict=True))

    def overall(self) -> dict[str, float]:
        """Return each score's mean: the map's over all cells of all steps and worlds."""
        errors = {name: error.mse() for name, error in self.map_errors().items()}
        accuracies = self.cell_accuracy, self.heading_accuracy
        return errors | dict(zip(SCORES[-2:], (float(values.mean()) for values in accuracies), strict=True))

    def by_time(self) -> dict[str, NDArray[np.float64]]:
        """Return each score's mean over worlds, `[T]`; NaN at times when no world has anything to score."""
        errors = {name: error.mse_by_time() for name, error in self.map_errors().items()}
        accuracies = self.cell_accuracy, self.heading_accuracy
        means = (values.mean(axis=1, dtype=np.float64) for values in accuracies)
        return errors | dict(zip(SCORES[-2:], means, strict=True))

    @classmethod
    def join(cls, parts: "list[Scores]") -> "Scores":
        """Put the worlds of several measurements side by side."""

        def beside(*columns: Any) -> Any:
            if isinstance(columns[0], tuple):
                return type(columns[0])(*(beside(*inner) for inner in zip(*columns, strict=True)))
            return np.concatenate(columns, axis=1)

        joined: Scores = beside(*parts)
        return joined


def score(read: Readout, truth: ProbeTargets) -> Scores:
    """Compare what was read with the truth, step by step and world by world, from the episodes' start."""
    since_seen = truth.since_seen
    assert since_seen is not None, "the actor makes trajectories that are to be measured"
    errors = (read.maps - truth.maps / 255.0).square().mean(dim=-1)  # [T, W, N, N]
    return Scores(
        MapError.over(errors, torch.ones_like(since_seen, dtype=torch.bool)),
        MapError.over(errors, since_seen >= 0),
        MapError.over(errors, since_seen < 0),
        MapError.over(errors, since_seen >= OLD),
        (read.cells.argmax(-1) == truth.cells).float().cpu().numpy(),
        (read.headings.argmax(-1) == truth.headings).float().cpu().numpy(),
        ErrorByAge.of(errors, since_seen),
    )


def left(scores: Scores, constant: Scores) -> dict[str, float]:
    """Return what part of the constant guess's map error is left, by the scores' names; NaN where it has none."""
    own, other = scores.overall(), constant.overall()
    return {name: own[name] / other[name] if other[name] else math.nan for name in REGIONS}


class SampleVariance(NamedTuple):
    """How much samples of the map differ, as a part of how much the worlds themselves differ in the same cells.

    0: all samples agree; 1: they differ as if nothing were known. Walls are alike in all worlds, so without comparing
    them, a wall not yet seen would count as known. NaN where there is no such cell.
    """

    seen: float
    """On the cells seen so far in the episode."""
    unseen: float
    """On the cells not yet seen."""


def sample_variance(samples: Tensor, maps: Tensor, since_seen: Tensor) -> SampleVariance:
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
    return SampleVariance(*(float(variance[cells].sum() / between[cells].sum()) for cells in (seen, ~seen)))


def _divide(squared: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(squared, cells, out=np.full(squared.shape, np.nan), where=cells > 0)
