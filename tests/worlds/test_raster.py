import numpy as np
import pytest
from raycaster import cast_rays

from simcore.worlds.voxel import grid
from simcore.worlds.voxel.grid import (
    BLOCK,
    BOTTOM,
    EAST,
    FACE_LIGHT,
    GROUND,
    KINDS,
    NORTH,
    SKY,
    SOUTH,
    TOP,
    WALL,
    WEST,
    index_grid,
    shaded_colours,
)
from simcore.worlds.voxel.raster import draw_frame, make_camera
from simcore.worlds.voxel.rules import make_rules

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


def walled_room(size):
    """Ground and a ring of walls four blocks high."""
    blocks = np.zeros((size, size, 5), np.uint8)
    blocks[:, :, 0] = GROUND
    blocks[[0, -1], :, 1:] = WALL
    blocks[:, [0, -1], 1:] = WALL
    return blocks


def faces_of(kind, pixels):
    """Return which face of `kind` each pixel `[..., 3]` shows, -1 where none."""
    colours = shaded_colours()[kind]
    return np.where((pixels[..., None, :] == colours).all(-1), np.arange(len(colours)), -1).max(-1)


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


@pytest.mark.parametrize(
    ("place", "heading", "pitch", "seen"),
    [
        ((2.5, 0.4, 2.5), 8, 0, {NORTH}),
        ((4.6, 2.5, 2.5), 12, 0, {EAST}),
        ((2.5, 4.6, 2.5), 0, 0, {SOUTH}),
        ((0.4, 2.5, 2.5), 4, 0, {WEST}),
        ((2.5, 4.1, 4.4), 0, -2, {SOUTH, TOP}),
        ((2.5, 4.1, 0.6), 0, 2, {SOUTH, BOTTOM}),
        ((2.5, 2.55, 4.4), 0, -4, {TOP}),
        ((0.6, 0.6, 4.4), 6, -2, {NORTH, WEST, TOP}),
        ((4.4, 4.4, 0.6), 14, 2, {SOUTH, EAST, BOTTOM}),
    ],
)
def test_each_face_has_its_own_light(place, heading, pitch, seen):
    """A block alone in the air, looked at from all sides: y grows to the south, z upwards."""
    blocks = np.zeros((5, 5, 5), np.uint8)
    blocks[2, 2, 2] = BLOCK
    slope = float(RULES.slopes[pitch + 4])
    frame, _ = draw(blocks, place, heading, slope)
    np.testing.assert_array_equal(frame, cast_rays(blocks, place, heading * np.pi / 8, slope, 32, 80.0)[0])
    faces = faces_of(BLOCK, frame)
    assert {*faces.ravel().tolist()} - {-1} == seen
    assert ((frame == SKY).all(-1) == (faces == -1)).all()


@pytest.mark.parametrize("eye", [(3.5, 3.5), (3.0, 3.5), (3.5, 3.0), (3.0, 3.0)])
@pytest.mark.parametrize("quarter", range(4))
def test_rays_along_the_axes_meet_the_wall_ahead(eye, quarter):
    """The middle column of an odd frame looks exactly along an axis, here also along the border of two cells."""
    left, ahead, right = ((EAST, SOUTH, WEST, NORTH)[(side + quarter) % 4] for side in range(3))
    frame, _ = draw(walled_room(7), (*eye, 1.6), 4 * quarter, 0.0, frame_size=31, field_of_view=130.0)
    assert faces_of(WALL, frame[15])[[0, 15, 30]].tolist() == [left, ahead, right]


@pytest.mark.parametrize("eye", [(1.5, 1.5, 1.6), (1.01, 1.99, 1.3)])
def test_the_cell_of_the_eye_shows_no_sides(eye):
    blocks = np.zeros((3, 3, 3), np.uint8)
    blocks[1, 1] = GROUND, 0, BLOCK
    colours = shaded_colours()
    frames = [draw(blocks, eye, heading, 0.0, size, 110.0)[0] for heading in range(16) for size in (31, 32)]
    shown = {tuple(pixel) for frame in frames for pixel in frame.reshape(-1, 3).tolist()}
    assert shown == {SKY, tuple(colours[GROUND, TOP].tolist()), tuple(colours[BLOCK, BOTTOM].tolist())}


def draw_turned(blocks, eye, heading, quarters):
    """Draw a world that is turned clockwise, and the eye with it."""
    for _ in range(quarters):
        eye = (blocks.shape[1] - eye[1], eye[0], eye[2])
        blocks = np.rot90(blocks)  # x grows to the east, y to the south: the first axis is not that of a picture
    return draw(np.ascontiguousarray(blocks), eye, (heading + 4 * quarters) % 16, 0.0)[0]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_frame_tells_how_the_world_is_turned(monkeypatch, quarters):
    """Every side that is seen looks different, and nothing else does, when world and eye are turned together."""
    rng = np.random.default_rng(quarters)
    sides_seen = 0
    for heading in range(16):
        blocks = random_grid(rng, 9, 5, 0.2)
        blocks[4, 4] = 0
        eye = (4.25, 4.625, 1.5625)  # these numbers are turned without rounding
        monkeypatch.setattr(grid, "FACE_LIGHT", (1.0, 1.0, 0.0, 0.0, 0.0, 0.0))
        plain = draw_turned(blocks, eye, heading, 0)
        np.testing.assert_array_equal(draw_turned(blocks, eye, heading, quarters), plain)
        monkeypatch.setattr(grid, "FACE_LIGHT", FACE_LIGHT)
        changed = draw_turned(blocks, eye, heading, quarters) != draw_turned(blocks, eye, heading, 0)
        np.testing.assert_array_equal(changed.any(-1), (plain == 0).all(-1))
        sides_seen += changed.any(-1).sum()
    assert sides_seen > 16 * 100


def test_without_a_sun_the_half_turn_would_not_be_seen(monkeypatch):
    """Were opposite sides lit alike, no frame would depend on the heading, up to half a turn."""
    blocks, eye = random_grid(np.random.default_rng(0), 9, 5, 0.2), (4.25, 4.625, 1.5625)
    blocks[4, 4] = 0
    for lights, same in ((FACE_LIGHT, False), ((1.0, 0.45, 0.82, 0.64, 0.82, 0.64), True)):
        monkeypatch.setattr(grid, "FACE_LIGHT", lights)
        for heading in range(16):
            turned = draw_turned(blocks, eye, heading, 2)
            assert (turned == draw_turned(blocks, eye, heading, 0)).all() == same


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
