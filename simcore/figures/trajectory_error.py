"""Figure 12: the map's error along one trajectory, with insets of what was seen and what was known (App. I)."""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from numpy.typing import NDArray
from torch import Tensor

INSETS = 6


class TrajectoryError(NamedTuple):
    """One held-out trajectory."""

    frames: Tensor
    """What was seen, uint8 `[T, H, W, 3]`."""
    true: Tensor
    """True maps, uint8 `[T, N, N, 3]`."""
    decoded: Tensor
    """Maps decoded from the belief, uint8 `[T, N, N, 3]`."""
    errors: NDArray[np.float32]
    """Map MSE at each step, `[T]`."""
    constant: NDArray[np.float32]
    """That of the best constant guess, `[T]`."""


def trajectory_error_figure(trajectory: TrajectoryError, title: str, insets: int = INSETS) -> Figure:
    """Draw map MSE over time, and above it, at some times, true map, decoded map and frame, from top to bottom."""
    length = len(trajectory.errors)
    times = np.linspace(0, length - 1, insets).round().astype(int)
    figure = Figure(figsize=(1.35 * insets + 0.8, 6.4), layout="constrained")
    figure.suptitle(title, fontsize=11)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(3.0, 2.4))[:, 0]
    grid = above.subplots(3, insets, squeeze=False)
    axes = below.subplots()
    axes.plot(trajectory.errors, color="C0", label="belief")
    axes.plot(trajectory.constant, color="0.5", linestyle="--", linewidth=0.9, label="constant guess")
    axes.set(xlabel="step of the episode", ylabel="map MSE", xlim=(0, length - 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    for column, t in enumerate(times):
        parts = (trajectory.true, trajectory.decoded, trajectory.frames)
        for row, (name, part) in enumerate(zip(("true map", "decoded", "frame"), parts, strict=True)):
            panel = grid[row, column]
            panel.imshow(part[t].numpy(), interpolation="nearest")
            panel.set_xticks([])
            panel.set_yticks([])
            if column == 0:
                panel.set_ylabel(name, fontsize=9)
        grid[0, column].set_title(f"step {t}", fontsize=8)
        axes.plot(t, trajectory.errors[t], "o", color="C0", markersize=4)
        line = ConnectionPatch(
            xyA=(0.5, 0.0),
            xyB=(float(t), float(trajectory.errors[t])),
            coordsA="axes fraction",
            coordsB="data",
            axesA=grid[2, column],
            axesB=axes,
            color="0.75",
            linewidth=0.7,
        )
        figure.add_artist(line)
    return figure
