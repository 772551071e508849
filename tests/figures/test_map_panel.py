"""A map in a figure: colours, veil and arrow, as they come out in pixels."""

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from simcore.analysis.map_view import NOWHERE, MapView
from simcore.figures.map_panel import plot_map
from simcore.figures.sheet import Sheet
from simcore.pictures.marks import ARROW, BELIEVED, TRUE, arrow_corners, border_of
from simcore.worlds import make_vector

CELL = 20
"""Pixels of a cell."""


def render(view: MapView, arrow: str = TRUE) -> NDArray[np.uint8]:
    """Draw a map that fills its figure, `[N * CELL, N * CELL, 3]`."""
    side = len(view.pictures) * CELL / 100
    sheet = Sheet(side, side)
    plot_map(sheet.panel(0, 0, side), view, arrow)
    canvas = FigureCanvasAgg(sheet.figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def make_view(size: int, cell: int = NOWHERE, heading: float = 0.0, certainty: float = 1.0) -> MapView:
    """Return a map of random colours, of which about a half was seen."""
    random = torch.Generator().manual_seed(size)
    pictures = torch.randint(0, 256, (size, size, 3), generator=random, dtype=torch.uint8)
    since_seen = torch.randint(-1, 1, (size, size), generator=random, dtype=torch.int32)
    return MapView(pictures, since_seen, torch.tensor(cell), torch.tensor(heading), torch.tensor(certainty))


@pytest.mark.parametrize("size", [7, 24])
def test_cells_seen_keep_their_colours_and_the_others_are_paled_and_striped(size: int) -> None:
    view = make_view(size)
    pixels = render(view).reshape(size, CELL, size, CELL, 3).swapaxes(1, 2)[:, :, 4:-4, 4:-4].astype(int)
    seen = view.since_seen.numpy() >= 0
    colours = view.pictures.numpy()[:, :, None, None].astype(int)
    assert (abs(pixels - colours)[seen] <= 1).all()
    pale = colours + 0.6 * (255 - colours)
    away = abs(pixels - pale)[~seen].max(axis=-1)
    assert (away <= 2).mean() > 0.5, "between the stripes"
    striped = (away > 20).any(axis=(1, 2))
    assert striped.all() if size == 7 else striped.mean() > 0.4, "in a large map stripes are wider apart than cells"


@pytest.mark.parametrize(("since_seen", "veiled"), [(0, False), (-1, True)])
def test_all_is_veiled_before_anything_was_seen_and_nothing_once_all_was(since_seen: int, veiled: bool) -> None:
    view = make_view(7)
    view = view._replace(since_seen=torch.full_like(view.since_seen, since_seen))
    pixels = render(view).reshape(7, CELL, 7, CELL, 3).swapaxes(1, 2)[:, :, 4:-4, 4:-4].astype(int)
    changed = (abs(pixels - view.pictures.numpy()[:, :, None, None]) > 1).any(axis=-1)
    assert changed.all() if veiled else not changed.any()


@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_border_lies_between_cells_seen_and_not(size: int) -> None:
    seen = np.random.default_rng(size).random((size, size)) < 0.5
    expected = set()
    for row in range(size):
        for column in range(size):
            if column + 1 < size and seen[row, column] != seen[row, column + 1]:
                expected.add(((column + 0.5, row - 0.5), (column + 0.5, row + 0.5)))
            if row + 1 < size and seen[row, column] != seen[row + 1, column]:
                expected.add(((column - 0.5, row + 0.5), (column + 0.5, row + 0.5)))
    assert {tuple(map(tuple, side)) for side in border_of(seen).tolist()} == expected


def test_the_arrow_points_the_way_the_agent_walks() -> None:
    worlds = make_vector("RandomCity", 1, size=15, frame_size=8, buildings=(0, 0))
    _, info = worlds.reset(seed=0)
    forward, right = worlds.action_names.index("forward"), worlds.action_names.index("turn_right")
    for _ in range(worlds.config.turns):
        before = info["pose"][0, :2]
        for _ in range(2):
            _, _, _, _, info = worlds.step(np.array([forward]))
        walked = info["pose"][0, :2] - before
        cell = divmod(int(info["cell"][0]), 15)
        corners = arrow_corners(cell, float(info["heading_index"][0] * worlds.config.turn_angle), 15)
        middle = (cell[1], cell[0])
        tip = corners[0] - middle
        assert tip / np.linalg.norm(tip) == pytest.approx(walked / np.linalg.norm(walked), abs=1e-3)
        assert abs(middle - (info["pose"][0, :2] - 0.5)).max() <= 0.5, "in the cell where it stands"
        _, _, _, _, info = worlds.step(np.array([right]))


@pytest.mark.parametrize(("size", "half"), [(7, 0.55), (64, 4.48)])
def test_the_arrow_is_no_smaller_than_a_cell_and_can_be_found_in_a_large_map(size: int, half: float) -> None:
    corners = arrow_corners((3, 5), 0.0, size)
    assert corners[0] == pytest.approx((5, 3 - half))
    assert corners[1] == pytest.approx((5 + 0.72 * half, 3 + 0.85 * half))


def test_the_less_sure_the_paler_and_always_outlined() -> None:
    fills = []
    for certainty in (1.0, 0.5, 0.0):
        sheet = Sheet(1, 1)
        panel = sheet.panel(0, 0, 1)
        plot_map(panel, make_view(7, 24, 90.0, certainty), BELIEVED)
        halo, arrow = panel.patches
        assert isinstance(arrow, Polygon)
        assert len(arrow.get_xy()) == len(ARROW) + 1
        assert arrow.get_edgecolor() != halo.get_edgecolor()
        fills.append(sum(arrow.get_facecolor()[:3]))
    assert fills[0] < fills[1] < fills[2] == pytest.approx(3.0)


def test_no_arrow_where_the_place_is_not_known() -> None:
    sheet = Sheet(1, 1)
    panel = sheet.panel(0, 0, 1)
    plot_map(panel, make_view(7), TRUE)
    assert not panel.patches
