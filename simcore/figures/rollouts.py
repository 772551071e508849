"""Roll-outs of the model: true frames above sampled ones, and the true map beside the decoded one (figures 13, 14)."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from simcore.inspection import Rollout

COLUMNS = 14
TILE = 128
GAP = 8


def rollout_figure(rollout: Rollout, title: str) -> Figure:
    """Return a figure with two rows for each world: true frames above the model's, and the true map above the decoded.

    The belief saw the first two frames shown, and all before them; it never saw those framed in red.
    """
    total, worlds = rollout.frames.shape[:2]
    first = max(1, min(rollout.context - 2, total - COLUMNS))
    times = list(range(first, min(total, first + COLUMNS)))
    figure = Figure(figsize=(0.9 * (len(times) + 1.8), 1.95 * worlds + 0.7), layout="constrained")
    figure.suptitle(title, fontsize=11)
    maps = [part for part in (rollout.maps, rollout.decoded) if part is not None]
    widths = [1.0] * len(times) + ([0.3, 1.0] if maps else [])  # a gap sets the maps apart
    grid = figure.subplots(2 * worlds, len(widths), squeeze=False, width_ratios=widths)
    for world in range(worlds):
        for row, (name, frames) in enumerate((("true", rollout.frames), ("model", rollout.samples))):
            for column, t in enumerate(times):
                panel = grid[2 * world + row, column]
                panel.imshow(frames[t, world].numpy(), interpolation="nearest")
                if row == 0 and world == 0:
                    panel.set_title(f"{t}" if t < rollout.context else f"+{t - rollout.context + 1}", fontsize=8)
                if t >= rollout.context:
                    for spine in panel.spines.values():
                        spine.set_edgecolor("tab:red")
                        spine.set_linewidth(1.5)
            grid[2 * world + row, 0].set_ylabel(name, fontsize=9)
        now = rollout.context - 1
        for row, part in enumerate(maps):
            grid[2 * world + row, -2].set_visible(False)
            grid[2 * world + row, -1].imshow(part[now, world].numpy(), interpolation="nearest")
    if maps:
        grid[0, -1].set_title("map", fontsize=8)
    for panel in grid.flat:
        panel.set_xticks([])
        panel.set_yticks([])
    return figure


def rollout_animation(rollout: Rollout) -> list[Image.Image]:
    """Return one picture a step: for each world a row of true frame, model's frame, true map, decoded map.

    While the belief sees the frames the model looks one step ahead; then a red bar says that it goes on alone.
    """
    pictures = []
    for t in range(len(rollout.frames)):
        rows = [
            np.concatenate([_tile(part[t, world].numpy()) for part in _parts(rollout)], axis=1)
            for world in range(rollout.frames.shape[1])
        ]
        picture = np.concatenate(rows, axis=0)
        bar = np.full((GAP, picture.shape[1], 3), (214, 39, 40) if t >= rollout.context else (60, 160, 60), np.uint8)
        pictures.append(Image.fromarray(np.concatenate([bar, picture])))
    return pictures


def _parts(rollout: Rollout) -> tuple[Tensor, ...]:
    parts = (rollout.frames, rollout.samples, rollout.maps, rollout.decoded)
    return tuple(part for part in parts if part is not None)


def _tile(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale to TILE pixels without blur, and leave a margin."""
    scaled = np.asarray(Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.NEAREST))
    return np.pad(scaled, ((GAP // 2, GAP // 2), (GAP // 2, GAP // 2), (0, 0)), constant_values=255)
