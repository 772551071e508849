"""Figure 10: maps decoded from the beliefs of several models, with a short and a long overshoot (App. H)."""

from collections.abc import Mapping
from typing import NamedTuple

from matplotlib.figure import Figure
from torch import Tensor


class DecodedMaps(NamedTuple):
    """Maps of the same held-out worlds at the same step."""

    true: Tensor
    """uint8 `[W, N, N, 3]`."""
    decoded: Tensor
    """uint8 `[W, N, N, 3]`, from the belief."""


def map_samples_figure(models: Mapping[str, Mapping[int, DecodedMaps]], step: int, title: str) -> Figure:
    """Draw the maps, worlds from left to right: the true ones in the first row, then a row for each model.

    Args:
        models: by the model's name and its overshoot Lo; all of the same worlds.
        step: of the episode, at which the maps were read.
        title: the figure's title.
    """
    overshoots = sorted({overshoot for row in models.values() for overshoot in row})
    first = next(iter(next(iter(models.values())).values()))
    worlds = len(first.true)
    gap = 0.35
    widths = [width for _ in overshoots for width in ([1.0] * worlds + [gap])][:-1]
    figure = Figure(figsize=(0.62 * len(widths) + 1.6, 0.72 * (len(models) + 1) + 0.7), layout="constrained")
    figure.suptitle(f"{title}, step {step}", fontsize=11)
    grid = figure.subplots(len(models) + 1, len(widths), squeeze=False, width_ratios=widths)
    for panel in grid.flat:
        panel.set_axis_off()
    for group, overshoot in enumerate(overshoots):
        begin = group * (worlds + 1)
        for row, (name, maps) in enumerate([("true", {overshoot: first}), *models.items()]):
            pictures = maps.get(overshoot)
            for world in range(worlds if pictures is not None else 0):
                assert pictures is not None
                panel = grid[row, begin + world]
                picture = (pictures.true if row == 0 else pictures.decoded)[world]
                panel.imshow(picture.numpy(), interpolation="nearest")
            if group == 0:  # the name of a model that has no run with this overshoot too
                panel = grid[row, 0]
                panel.text(-0.2, 0.5, name, transform=panel.transAxes, ha="right", va="center", fontsize=9)
        grid[0, begin + worlds // 2].set_title(f"Lo = {overshoot}", fontsize=10)
    return figure
