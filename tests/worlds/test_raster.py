import numpy as np
import pytest
from raycaster import cast_rays

from simcore.worlds.grid import KINDS, SKY, index_grid
from simcore.worlds.raster import draw_frame, make_camera
from simcore.worlds.rules import make_rules

RULES = make_rules(np.zeros((1, 5), np.int64), speed=0.5, turn_angle=22.5)


def random_grid(rng, size, height, density):
    """Blocks strewn over a plane, so that there are overhangs, holes and floating runs."""
    blocks = rng.integers(1, len(KINDS), (size, size, height), dtype=np.uint8)
    blocks[rng.random(blocks.shape) > density] = 0
    blocks[:, :, 0] = rng.integers(0, 4, (size, size))  # a ground with holes
    return blocks


def draw(blocks, eye, heading, slope, frame_size=32, field_of_view=80.0):
    runs = np.zeros(blocks.shape, np.uint32)
    index_grid(blocks, runs)
    frame = np.full((frame_size, frame_size, 3), 7, np.uint8)
    last_seen = np.full(blocks.shape[:2], -1, np.int32)
    camera = make_camera(frame_size, field_of_view)
    pixels = np.zeros(frame_size, np.uint32)
    draw_frame(runs, eye, RULES.directions[heading], slope, camera, frame, pixels, last_seen, 3)
    return frame, last_seen == 3


def near_any(frame, other):
    """Tell for each pixel of `frame` whether `other` has its colour there or in the 8 pixels around."""
    padded = np.pad(other, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows, columns = frame.shape[:2]
    shifts = [padded[r : r + rows, c : c + columns] for r in range(3) for c in range(3)]
    return np.any([(shift == frame).all(-1) for shift in shifts], axis=0)


@pytest.mark.parametrize("density", [0.05, 0.3, 0.7])
def test_agrees_with_a_ray_caster(density):
    rng = np.random.default_rng(int(100 * density))
    agreed, total = 0, 0
    for trial in range(60):
        size, height = int(rng.integers(5, 14)), int(rng.integers(2, 9))
        blocks = random_grid(rng, size, height, density)
        cell = rng.integers(0, (size, size, height + 2))
        if cell[2] < height:
            blocks[tuple(cell)] = 0
        eye = tuple(float(value) for value in cell + rng.uniform(0.01, 0.99, 3))
        heading = int(rng.integers(16))
        slope = float(rng.choice(RULES.slopes))
        frame_size, field_of_view = int(rng.choice([16, 31, 48])), float(rng.choice([60, 80, 110]))
        frame, seen = draw(blocks, eye, heading, slope, frame_size, field_of_view)
        expected, shown = cast_rays(blocks, eye, heading * np.pi / 8, slope, frame_size, field_of_view)
        same = (frame == expected).all(-1)
        assert near_any(frame, expected)[~same].all(), f"trial {trial}: differs away from an edge"
        if same.all():
            np.testing.assert_array_equal(seen, shown)
        agreed += same.sum()
        total += same.size
    assert agreed >= 0.9999 * total


def test_runs_that_touch_hide_the_faces_between_them():
    blocks = np.zeros((5, 5, 6), np.uint8)
    blocks[:, :, 0] = 1
    blocks[2, 0, :] = [1, 5, 6, 7, 8, 9]
    for z in (1.5, 3.5, 5.9, 6.5):
        eye = (2.47, 2.41, z)
        frame, _ = draw(blocks, eye, 0, 0.0)
        np.testing.assert_array_equal(frame, cast_rays(blocks, eye, 0.0, 0.0, 32, 80.0)[0])


def test_empty_grid_is_sky():
    frame, seen = draw(np.zeros((5, 5, 3), np.uint8), (2.5, 2.5, 1.5), 3, 0.0)
    assert (frame == SKY).all()
    assert not seen.any()


def test_nothing_behind_a_wall_is_seen():
    blocks = np.zeros((9, 9, 4), np.uint8)
    blocks[:, :, 0] = 1
    blocks[:, 3, 1:] = 2  # a wall as high as the grid, across the view
    _, seen = draw(blocks, (4.5, 7.5, 2.6), 0, 0.0)
    assert seen[4, 3]
    assert seen[4, 5]
    assert not seen[:, :3].any()  # behind the wall
    assert not seen[:, 8:].any()  # behind the eye


def test_pitch_shifts_the_picture():
    blocks = np.zeros((9, 9, 3), np.uint8)
    blocks[:, :, 0] = 1
    sky = [(draw(blocks, (4.5, 7.5, 1.6), 0, float(slope))[0] == SKY).all(-1).mean() for slope in RULES.slopes]
    assert sky == sorted(sky)
    assert sky[0] == 0.0
    assert sky[-1] > 0.9
