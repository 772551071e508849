"""The map along an episode, as it is and as the belief has it (figure 11)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simcore.inspection import Maps

SAMPLES = 3
"""Rows of samples (figure 11)."""
NOT_SEEN = (255, 215, 235)
"""What stands for cells that no frame has shown."""


def maps_figure(maps: Maps, title: str, worlds: int = 3) -> Figure:
    """Return figure 11: for each world frames, true map, what has been seen of it, decoded map and samples, by time."""
    worlds = min(worlds, maps.frames.shape[1])
    names = ["frame", "true map", "seen so far", "decoded"]
    names += ["sample"] * (min(SAMPLES, len(maps.samples)) if maps.samples is not None else 0)
    # A low row of nothing sets the worlds apart.
    heights = ([1.0] * len(names) + [0.2]) * worlds
    columns = len(maps.times)
    figure = Figure(figsize=(0.9 * columns + 0.6, 0.9 * sum(heights) + 0.6), layout="constrained")
    figure.suptitle(title, fontsize=10)
    grid = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights)
    for world in range(worlds):
        rows = grid[world * (len(names) + 1) :]
        for column, t in enumerate(maps.times):
            true, seen = maps.maps[t, world].numpy(), maps.since_seen[t, world].numpy() >= 0
            pictures = [maps.frames[t, world].numpy(), true, masked(true, seen), maps.decoded[t, world].numpy()]
            if maps.samples is not None:
                pictures += [sample[column, world].numpy() for sample in maps.samples[:SAMPLES]]
            for row, picture in enumerate(pictures):
                show(rows[row, column], picture)
            rows[len(names), column].set_visible(False)
            if world == 0:
                rows[0, column].set_title(f"step {t}", fontsize=8)
        for row, name in enumerate(names):
            rows[row, 0].set_ylabel(name, fontsize=7)
    return figure


def masked(picture: NDArray[np.uint8], seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return a map `[N, N, 3]` with pale pink for the cells that are not in `seen` (`bool [N, N]`)."""
    return np.where(seen[..., None], picture, np.array(NOT_SEEN, np.uint8))


def show(panel: Axes, picture: NDArray[np.uint8]) -> None:
    """Show a picture's pixels, without ticks."""
    panel.imshow(picture, interpolation="nearest")
    panel.set_xticks([])
    panel.set_yticks([])
