"""Scores of what probes read from a belief on held-out worlds, and of the best constant guess."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from simcore.data.targets import TargetValues
from simcore.probes.kinds import as_numbers
from simcore.probes.readout import Readout
from simcore.worlds.api import MAP, NO_CLASS, OUT_OF_SIGHT_STEPS, SINCE_SEEN, ProbeTarget


class Constant(NamedTuple):
    """The best constant guess: a predictor without input."""

    answers: Readout
    """The guess for each target, in the form of a probe's answer: for a class the most frequent one as a one-hot, float
    `[C]`; for a vector or a picture the mean, float `[D]` or `[H, W, 3]` in [0, 1]."""

    @classmethod
    def fit(cls, truths: Iterable[TargetValues], targets: Sequence[ProbeTarget]) -> "Constant":
        """Fit the guess to batches of targets `[T, W, ...]` of worlds other than those that are measured."""
        sums: Readout = {}
        count = 0
        for truth in truths:
            count += math.prod(truth[targets[0].name].shape[:2])
            for target in targets:
                true = truth[target.name]
                total = count_classes(true, *target.shape) if target.kind == "class" else sum_numbers(true)
                sums[target.name] = sums[target.name] + total if target.name in sums else total
        return cls({target.name: _best(sums[target.name], target, count) for target in targets})

    def read(self, like: Readout) -> Readout:
        """Return the guess, expanded to the shapes of the probes' answers `like`."""
        return {name: self.answers[name].to(answer).expand_as(answer) for name, answer in like.items()}


def count_classes(told: Tensor, classes: int) -> Tensor:
    """Count each class in int64 `[T, W]`: int64 `[C]`."""
    told = told.flatten()  # not by bincount, which makes the host wait for a GPU
    counts = torch.zeros(classes, dtype=torch.int64, device=told.device)
    return counts.index_add_(0, told.clamp(min=0), (told != NO_CLASS).long())


def sum_numbers(told: Tensor) -> Tensor:
    """Sum vectors or pictures `[T, W, ...]` over times and worlds: int64 where they are integers, else float64."""
    return told.sum(dim=(0, 1), dtype=torch.float64 if told.is_floating_point() else torch.int64)


def _best(total: Tensor, target: ProbeTarget, count: int) -> Tensor:
    """Return the best constant answer, from the counts of classes or the sum of numbers."""
    if target.kind == "class":  # ties go to the lowest, so that the order of the worlds does not matter
        counts = total.tolist()
        most = counts.index(max(counts))
        return F.one_hot(torch.tensor(most), *target.shape).float()
    return (total.double() / ((255.0 if target.kind == "picture" else 1.0) * count)).float()


class ErrorByAge(NamedTuple):
    """The map's error by the steps since a frame last showed a cell: how what is out of sight fades (App. I)."""

    squared: NDArray[np.float64]
    """The sum of the squared errors of the cells last seen 0, 1, ... steps ago, `[A, W]`; 0: in sight."""
    cells: NDArray[np.int64]
    """The number of these cells, `[A, W]`."""

    @classmethod
    def of(cls, errors: Tensor, since_seen: Tensor) -> "ErrorByAge":
        """Sum errors `[T, W, N, N]` by `since_seen`, of the same shape; cells never seen (-1) are left out."""
        ages, worlds = since_seen.shape[:2]  # no cell was last seen longer ago than the episode is long
        world = torch.arange(worlds, device=since_seen.device)[:, None, None]
        size = ages * worlds
        bins = torch.where(since_seen >= 0, since_seen.long() * worlds + world, size).flatten()  # the last is left out
        cells = torch.zeros(size + 1, dtype=torch.int64, device=bins.device).index_add_(0, bins, torch.ones_like(bins))
        squared = torch.zeros_like(cells, dtype=torch.float64).index_add_(0, bins, errors.double().flatten())
        return cls(*(sums[:-1].view(ages, worlds).cpu().numpy() for sums in (squared, cells)))

    def map_mse(self, first: int, last: int) -> float:
        """Return the mean error of the cells last seen `first` to `last` steps ago; NaN if there are none."""
        cells = self.cells[first : last + 1].sum()
        return float(self.squared[first : last + 1].sum() / cells) if cells else np.nan

    def by_age(self) -> NDArray[np.float64]:
        """Return the mean error of the cells last seen 0, 1, ... steps ago, `[A]`; NaN where there are none."""
        return np.array([self.map_mse(age, age) for age in range(len(self.cells))])


AGES = (1, 4, 10, 20, 40, 80, 160, 320, 640, 1280)
"""The first steps of the spans of steps out of sight; 0 is in sight."""


def age_spans(length: int) -> list[tuple[int, int]]:
    """Return the spans (first, last) of steps since a cell was seen that cover an episode of `length` frames."""
    begins = [0, *(age for age in AGES if age < length)]
    return list(zip(begins, [begin - 1 for begin in begins[1:]] + [length - 1], strict=True))


class SquaredError(NamedTuple):
    """The squared error of some cells of a picture, at each step of each world; a vector counts as one cell."""

    squared: NDArray[np.float64]
    """The sum over those cells, each the mean over its colours (in [0, 1]) or over a vector's numbers, `[T, W]`."""
    cells: NDArray[np.int64]
    """The number of these cells, `[T, W]`."""

    @classmethod
    def over(cls, errors: Tensor, cells: Tensor) -> "SquaredError":
        """Sum errors `[T, W, height, width]` over the cells of a mask, bool of the same shape."""
        squared = torch.where(cells, errors, 0.0).sum(dim=(-1, -2), dtype=torch.float64)
        return cls(squared.cpu().numpy(), cells.sum(dim=(-1, -2)).cpu().numpy())

    def mse(self) -> float:
        """Return the mean over all cells of all steps and worlds; NaN if there are none."""
        cells = self.cells.sum()
        return float(self.squared.sum() / cells) if cells else math.nan

    def mse_by_time(self) -> NDArray[np.float64]:
        """Return the mean over the cells of all worlds, `[T]`; NaN at times when there are none."""
        return _divide(self.squared.sum(axis=1), self.cells.sum(axis=1))

    def mse_by_step_and_world(self) -> NDArray[np.float64]:
        """Return the mean over the cells of each step and world, `[T, W]`; NaN where there are none."""
        return _divide(self.squared, self.cells)


REGIONS = ("map_mse", "map_mse_seen", "map_mse_unseen", "map_mse_old")
"""Scores of a map with `since_seen`: over all cells, those that a frame of the episode has shown, the others, and those
seen and then out of sight for `OUT_OF_SIGHT_STEPS` steps or more, which only a memory can know."""


class Scores(NamedTuple):
    """Scores at each step of each world, `[T, W]`, and the map's error by age."""

    errors: dict[str, SquaredError]
    """Errors by score name: `<name>_mse` of each vector and picture, and the `REGIONS` of a map."""
    accuracies: dict[str, NDArray[np.float32]]
    """Accuracies by score name, `<name>_accuracy` of each class, `[T, W]`: 1 where the most likely is the true one; NaN
    at steps that are not scored."""
    error_by_age: ErrorByAge | None
    """The map's error by the steps since a cell was seen; None without `since_seen`."""

    def overall(self) -> dict[str, float]:
        """Return the mean of each score over all steps, worlds and cells."""
        means = {name: float(_mean(values)) for name, values in self.accuracies.items()}
        return {name: error.mse() for name, error in self.errors.items()} | means

    def by_time(self) -> dict[str, NDArray[np.float64]]:
        """Return the mean of each score over worlds, `[T]`; NaN at times when no world has anything to score."""
        means = {name: _mean(values.astype(np.float64), axis=1) for name, values in self.accuracies.items()}
        return {name: error.mse_by_time() for name, error in self.errors.items()} | means

    @classmethod
    def join(cls, parts: "list[Scores]") -> "Scores":
        """Concatenate several measurements along the worlds."""

        def beside(*columns: Any) -> Any:
            first = columns[0]
            if isinstance(first, dict):
                return {name: beside(*(column[name] for column in columns)) for name in first}
            if isinstance(first, tuple):
                return type(first)(*(beside(*inner) for inner in zip(*columns, strict=True)))
            return None if first is None else np.concatenate(columns, axis=1)

        joined: Scores = beside(*parts)
        return joined


def score(read: Readout, truth: TargetValues, targets: Sequence[ProbeTarget], within: Tensor | None = None) -> Scores:
    """Score the probes' answers against the true targets, at each step of each world from the episodes' start.

    Args:
        read: the probes' answers, `[T, W, ...]`.
        truth: the true targets `[T, W, ...]`, with `since_seen` for the map's regions and ages.
        targets: the targets to score.
        within: the steps that are scored, bool `[T, W]`, such as those of each world's first episode; None: all.
    """
    if within is None:
        first = truth[targets[0].name]
        within = torch.ones(first.shape[:2], dtype=torch.bool, device=first.device)
    errors: dict[str, SquaredError] = {}
    accuracies: dict[str, NDArray[np.float32]] = {}
    by_age = None
    for target in targets:
        answer, true = read[target.name], truth[target.name]
        if target.kind == "class":
            right = (answer.argmax(-1) == true).float().masked_fill(~within | (true == NO_CLASS), math.nan)
            accuracies[f"{target.name}_accuracy"] = right.cpu().numpy()
            continue
        squared = (answer - as_numbers(true)).square().mean(dim=-1)
        cells = squared if target.kind == "picture" else squared[..., None, None]  # [T, W, H, W]
        if target.name == MAP and SINCE_SEEN in truth:
            errors |= map_errors(cells, truth[SINCE_SEEN], within)
            by_age = ErrorByAge.of(cells, truth[SINCE_SEEN].masked_fill(~within[..., None, None], -1))
        else:
            errors[f"{target.name}_mse"] = SquaredError.over(cells, within[..., None, None].expand_as(cells))
    return Scores(errors, accuracies, by_age)


def map_errors(errors: Tensor, since_seen: Tensor, within: Tensor) -> dict[str, SquaredError]:
    """Return the errors `[T, W, N, N]` of a map by `REGIONS`; `since_seen` has the same shape, `within` is `[T, W]`."""
    anywhere = torch.ones_like(since_seen, dtype=torch.bool)
    regions = anywhere, since_seen >= 0, since_seen < 0, since_seen >= OUT_OF_SIGHT_STEPS
    scored = within[..., None, None]
    return {name: SquaredError.over(errors, cells & scored) for name, cells in zip(REGIONS, regions, strict=True)}


def left(scores: Scores, constant: Scores) -> dict[str, float]:
    """Return errors as fractions of the constant guess's, by score name; NaN where the guess has no error."""
    errors, guess = scores.overall(), constant.overall()
    return {name: as_fraction(errors[name], guess[name]) for name in scores.errors}


def as_fraction(error: float, guess: float) -> float:
    """Return an error as a fraction of the constant guess's; NaN where the guess has none."""
    return error / guess if guess else math.nan


class SampleVariance(NamedTuple):
    """The variance of the map's samples, as a fraction of the squared deviation of the true map from the mean map.

    0: all samples agree; 1: they differ as if nothing were known. Without the comparison a wall not yet seen would
    count as known, since walls are alike in all worlds. NaN if there is no such cell.
    """

    seen: float
    """On the cells seen so far in the episode."""
    unseen: float
    """On the cells not yet seen."""


def sample_variance(
    samples: Tensor, maps: Tensor, mean: Tensor, since_seen: Tensor, within: Tensor | None = None
) -> SampleVariance:
    """Compute the variance of the map's samples on cells seen and not yet seen.

    Args:
        samples: S samples of each map, uint8 `[S, ..., N, N, 3]`.
        maps: the true maps, uint8 `[..., N, N, 3]`.
        mean: the mean map of other worlds, float `[N, N, 3]` in [0, 1].
        since_seen: int32 `[..., N, N]`; -1 where a cell has not been seen.
        within: the maps that count, bool `[...]`; None: all.
    """
    variance = (samples / 255.0).var(dim=0).mean(dim=-1)
    between = (maps / 255.0 - mean).square().mean(dim=-1)
    seen = since_seen >= 0
    regions = [seen, ~seen] if within is None else [cells & within[..., None, None] for cells in (seen, ~seen)]
    sums = ((float(variance[cells].sum()), float(between[cells].sum())) for cells in regions)
    return SampleVariance(*(as_fraction(of_samples, of_worlds) for of_samples, of_worlds in sums))


def _mean(values: NDArray[Any], axis: int | None = None) -> Any:
    """Return the mean of the numbers along an axis; NaN where all are NaN."""
    is_number = ~np.isnan(values)
    if is_number.all():
        return values.mean(axis=axis)
    return _divide(np.where(is_number, values, 0.0).sum(axis=axis), is_number.sum(axis=axis))


def _divide(squared: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(squared, cells, out=np.full(np.shape(squared), np.nan), where=cells > 0)
