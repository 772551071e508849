"""A map as a picture: colours, veil, border and arrow, pixel by pixel."""

import numpy as np
import pytest

from simcore.pictures import BELIEVED, TRUE, MapPanel, Pose, draw_map
from simcore.pictures.canvas import colour_of

CELL = 20
"""Pixels of a cell."""


def make_panel(size: int, **marks: object) -> MapPanel:
    """Return a map of random colours, of which about a half was seen."""
    random = np.random.default_rng(size)
    marks = {"seen": random.random((size, size)) < 0.5} | marks
    return MapPanel(random.integers(0, 256, (size, size, 3), np.uint8), **marks)  # type: ignore[arg-type]


def by_cell(pixels: np.ndarray, size: int) -> np.ndarray:
    """Return the pixels of each cell, away from its edges, int `[N, N, *, *, 3]`."""
    return pixels.reshape(size, CELL, size, CELL, 3).swapaxes(1, 2)[:, :, 4:-4, 4:-4].astype(int)


@pytest.mark.parametrize("size", [7, 24])
def test_cells_seen_keep_their_colours_and_the_others_are_paled_and_striped(size: int) -> None:
    panel = make_panel(size)
    assert panel.seen is not None
    pixels = by_cell(draw_map(panel, size * CELL + 3), size)
    colours = panel.picture[:, :, None, None].astype(int)
    assert (pixels == colours)[panel.seen].all()
    away = abs(pixels - (colours + 0.6 * (255 - colours)))[~panel.seen].max(axis=-1)
    assert (away <= 1).mean() > 0.5, "between the stripes"
    assert (away > 20).any(axis=(1, 2)).mean() > 0.4


def test_a_map_without_a_veil_is_its_cells_alone() -> None:
    panel = make_panel(7, seen=None)
    assert np.array_equal(draw_map(panel, 70), panel.picture.repeat(10, axis=0).repeat(10, axis=1))
    assert np.array_equal(draw_map(panel, 5), panel.picture), "never smaller than a pixel for each cell"


@pytest.mark.parametrize(("heading", "tip"), [(0.0, (-1, 0)), (90.0, (0, 1)), (180.0, (1, 0)), (270.0, (0, -1))])
def test_the_arrow_points_the_way_of_its_heading(heading: float, tip: tuple[int, int]) -> None:
    white = MapPanel(np.full((7, 7, 3), 255, np.uint8), poses=[Pose((3, 2), heading)])
    dark = np.argwhere(draw_map(white, 7 * CELL).sum(axis=-1) < 100)
    middle = (np.array([3, 2]) + 0.5) * CELL
    assert abs(dark.mean(axis=0) - middle).max() < 0.35 * CELL
    farthest = dark[(dark - middle) @ tip == ((dark - middle) @ tip).max()].mean(axis=0) - middle
    assert farthest / np.linalg.norm(farthest) == pytest.approx(np.array(tip), abs=0.15)


def test_the_less_sure_the_paler_within_a_white_line() -> None:
    black = np.zeros((7, 7, 3), np.uint8)
    colours = []
    for certainty in (1.0, 0.5, 0.0):
        pixels = draw_map(MapPanel(black, poses=[Pose((3, 3), 0.0, certainty, BELIEVED)]), 7 * CELL)
        assert (pixels == 255).all(axis=-1).any()
        colours.append(pixels[7 * CELL // 2, 7 * CELL // 2].tolist())
    assert colours[0] == list(colour_of(BELIEVED))
    assert sum(colours[0]) < sum(colours[1]) < sum(colours[2]) == 3 * 255


def test_heat_tints_the_cells_where_the_agent_may_be() -> None:
    heat = np.zeros((7, 7))
    heat[0, 0], heat[6, 6] = 0.9, 0.1
    panel = make_panel(7, seen=None, heat=heat)
    pixels = draw_map(panel, 7)
    away = abs(pixels.astype(int) - np.array(colour_of(BELIEVED))).sum(axis=-1)
    before = abs(panel.picture.astype(int) - np.array(colour_of(BELIEVED))).sum(axis=-1)
    assert away[0, 0] / before[0, 0] < away[6, 6] / before[6, 6] < 1
    heat[0, 0] = heat[6, 6] = 0.0
    assert np.array_equal(draw_map(panel, 7), panel.picture)


def test_the_rose_has_its_longest_wedge_at_the_likeliest_heading() -> None:
    white = np.full((7, 7, 3), 255, np.uint8)
    headings = np.array([0.0, 0.0, 0.9, 0.0, 0.0, 0.0, 0.1, 0.0])  # right, and a little left
    drawn = [
        draw_map(MapPanel(white, poses=[Pose((3, 3), 0.0, 1.0, TRUE, rose)]), 7 * CELL) for rose in (headings, None)
    ]
    added = np.argwhere((drawn[0] != drawn[1]).any(axis=-1)) - 3.5 * CELL
    right, left = added[added[:, 1] > 0], added[added[:, 1] < 0]
    assert right[:, 1].max() > 2 * -left[:, 1].min() > 0
    assert (abs(right[:, 0]) <= abs(right[:, 1]) + 2).all(), "within an eighth of the circle"
