"""The best constant guess of map and place, which every belief is compared with."""

from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from simcore.analysis.collecting import episode_frames
from simcore.analysis.loaded_run import LoadedRun
from simcore.worlds.api import MAP, NO_CLASS

WORLDS = 64
"""The worlds whose episodes the guess is made from."""
STEPS = 100
"""The most steps of each of them."""


class Guess(NamedTuple):
    """What is known of these worlds without seeing anything."""

    map: NDArray[np.float32]
    """The mean map, `[M, M, 3]`, on the scale [0, 1]."""
    variance: NDArray[np.float32]
    """The variance of the maps, the mean over colours, `[M, M]`; never 0."""
    cell: NDArray[np.float32]
    """How often each cell is visited, `[M * M]`."""

    @classmethod
    def fit(cls, run: LoadedRun) -> "Guess":
        """Collect episodes in other worlds, as the run's own policy walks through them."""
        number, total = 0, cast(NDArray[Any], np.zeros(()))
        squares, visits = total, total
        for trajectory in run.collect_each("live/guess", WORLDS, min(STEPS, episode_frames(run.config))):
            told = trajectory.targets[MAP].cpu().numpy()
            maps = (told[:1] if run.config.policy == "walker" else told).reshape(-1, *told.shape[2:]) / 255
            number, total, squares = number + len(maps), total + maps.sum(axis=0), squares + np.square(maps).sum(axis=0)
            cells = trajectory.targets["cell"].cpu().numpy()
            visits = visits + np.bincount(cells[cells != NO_CLASS], minlength=maps.shape[1] * maps.shape[2])
        mean, counts = total / number, visits + 1  # none is impossible
        variance = (squares / number - np.square(mean)).mean(axis=-1)
        return cls(
            mean.astype(np.float32),
            np.maximum(variance, 1e-4).astype(np.float32),
            (counts / counts.sum()).astype(np.float32),
        )

    def error(self, true: NDArray[np.uint8]) -> float:
        """Return the squared error of the mean map, per dimension."""
        return float(np.square(self.map - true / np.float32(255)).mean())
