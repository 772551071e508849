"""The renderer: a grid and a camera to a first-person frame, one column of pixels at a time.

The view never rolls, and pitch shifts the picture up or down, so every column of pixels stays vertical in the
world. One two-dimensional walk through the cells, nearest first, therefore serves the whole column. In each
cell come the runs of equal blocks: the side each turns to the eye, and its bottom or top where the eye is
below or above it. Only pixels that are still empty are filled, each exactly once, and the walk ends when none
is left.
"""

from math import ceil, floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.voxel.grid import BOTTOM, EAST, NORTH, SKY, SOUTH, TOP, WEST, pack_colours, shaded_colours
from simcore.worlds.voxel.kernels import inlined, kernel

NEAREST = 1e-6  # depth where the eye's own cell begins, instead of 0
FARTHEST = 1e30  # depth that a ray along an axis needs to cross a cell sideways


class Camera(NamedTuple):
    """The camera of a frame: its projection and colours.

    `tangents` is `float64 [W]`, of the angle of each column's middle to the right of the heading; `focal` the
    picture's distance in pixels; `colours` `uint32 [K, 6]`, by kind and face, packed as by `pack_colours`;
    `sky` one such.
    """

    tangents: NDArray[np.float64]
    focal: float
    colours: NDArray[np.uint32]
    sky: int


def make_camera(frame_size: int, field_of_view: float) -> Camera:
    """Build a camera for square frames of `frame_size` pixels; `field_of_view` in degrees."""
    half = np.tan(np.deg2rad(field_of_view) / 2)
    columns = (np.arange(frame_size) + 0.5) / frame_size
    return Camera(
        tangents=(2 * columns - 1) * half,
        focal=float(frame_size / 2 / half),
        colours=pack_colours(shaded_colours()),
        sky=int(pack_colours(np.array(SKY, np.uint8))),
    )


@inlined
def row_of(height: float, scale: float, horizon: float, rows: int) -> int:
    """Return the first row (0 .. rows) whose middle is at or below a point `height` over the eye."""
    return ceil(min(max(horizon - height * scale - 0.5, 0.0), rows + 0.0))


@inlined
def fill(pixels: NDArray[np.uint32], first: int, last: int, colour: int) -> bool:
    """Colour the pixels `first .. last - 1` that are still empty (0); return whether there was one."""
    any_filled = False
    for row in range(first, last):
        if pixels[row] == 0:
            pixels[row] = colour
            any_filled = True
    return any_filled


@kernel
def draw_column(
    runs: NDArray[np.uint32],
    eye: tuple[float, float, float],
    ray: tuple[float, float],
    horizon: float,
    focal: float,
    colours: NDArray[np.uint32],
    pixels: NDArray[np.uint32],
    last_seen: NDArray[np.int32],
    now: int,
) -> None:
    """Render one column of pixels, `uint32 [H]`, and leave the sky empty (0).

    `ray` advances one unit of depth; `horizon` is the row of the eye's height; the rest as in `draw_frame`.
    """
    size_x, size_y, height = runs.shape
    rows = pixels.shape[0]
    eye_x, eye_y, eye_z = eye
    ray_x, ray_y = ray
    pixels[:] = 0
    # Rows outside top .. bottom - 1 are done; row bottom - 1 is empty. Rows bottom .. strip_end - 1 are to be
    # coloured `strip`: the ground rises in the picture cell by cell, and one fill for all of it is quicker
    # than one for each.
    top, bottom = 0, rows
    strip, strip_end = 0, rows
    x, y = floor(eye_x), floor(eye_y)
    step_x, step_y = (1 if ray_x > 0 else -1), (1 if ray_y > 0 else -1)
    cross_x = abs(1.0 / ray_x) if ray_x != 0 else FARTHEST  # depth from one wall of cells to the next
    cross_y = abs(1.0 / ray_y) if ray_y != 0 else FARTHEST
    next_x = (x + 1 - eye_x if ray_x > 0 else eye_x - x) * cross_x
    next_y = (y + 1 - eye_y if ray_y > 0 else eye_y - y) * cross_y
    # The faces that a ray meets where it crosses from one cell to the next.
    side_x, side_y = (WEST if ray_x > 0 else EAST), (NORTH if ray_y > 0 else SOUTH)
    side = side_x
    scale_in = focal / NEAREST  # pixels a cell's side has at the near end of the cell
    while 0 <= x < size_x and 0 <= y < size_y and top < bottom:
        scale_out = focal / max(min(next_x, next_y), NEAREST)
        drawn = False
        lowest_above = -1
        for index in range(height):
            run = int(runs[x, y, index])
            if run == 0:
                break
            low, high = (run >> 8 & 255) - eye_z, (run >> 16) - eye_z
            if low > 0:
                lowest_above = index
                continue
            # On the screen, top face: first .. edge - 1; side: edge .. last - 1, mostly hidden by what came before.
            edge = row_of(high, scale_in, horizon, rows)
            last = row_of(low, scale_in, horizon, rows) if edge < bottom else edge
            first = row_of(high, scale_out, horizon, rows) if high < 0 else edge
            for face in (side, TOP):
                begin, end = (edge, last) if face == side else (first, edge)
                begin = max(begin, top)
                if begin >= min(end, bottom):
                    continue
                colour = int(colours[run & 255, face])
                if end < bottom:
                    drawn |= fill(pixels, begin, end, colour)
                    continue
                if colour != strip:
                    fill(pixels, bottom, strip_end, strip)
                    strip, strip_end = colour, bottom
                bottom = begin
                drawn = True
                while top < bottom and pixels[bottom - 1] != 0:
                    bottom -= 1
        for index in range(lowest_above, -1, -1):
            run = int(runs[x, y, index])
            low, high = (run >> 8 & 255) - eye_z, (run >> 16) - eye_z
            edge = row_of(low, scale_in, horizon, rows)
            first = max(row_of(high, scale_in, horizon, rows), top)
            drawn |= fill(pixels, first, min(edge, bottom), int(colours[run & 255, side]))
            last = min(row_of(low, scale_out, horizon, rows), bottom)
            drawn |= fill(pixels, max(edge, top), last, int(colours[run & 255, BOTTOM]))
        if drawn:
            last_seen[x, y] = now
            while top < bottom and pixels[top] != 0:
                top += 1
            while top < bottom and pixels[bottom - 1] != 0:
                bottom -= 1
            if height > eye_z and row_of(height - eye_z, scale_out, horizon, rows) >= bottom:
                break  # the empty pixels lie above all blocks that may follow
        scale_in = scale_out
        if next_x < next_y:
            x += step_x
            next_x += cross_x
            side = side_x
        else:
            y += step_y
            next_y += cross_y
            side = side_y
    fill(pixels, bottom, strip_end, strip)


@kernel
def draw_frame(
    runs: NDArray[np.uint32],
    eye: tuple[float, float, float],
    direction: NDArray[np.float64],
    slope: float,
    camera: Camera,
    frame: NDArray[np.uint8],
    pixels: NDArray[np.uint32],
    last_seen: NDArray[np.int32],
    now: int,
) -> None:
    """Render what the eye sees, and record which columns of the grid it saw.

    Args:
        runs: `uint32 [X, Y, Z]`, see `grid`.
        eye: x, y, z in cells, inside the grid (above it is allowed) and in no block.
        direction: `float64 [2]`, the heading as a unit vector.
        slope: the tangent of the pitch, positive upwards.
        camera: see `Camera`.
        frame: `uint8 [H, W, 3]`, overwritten.
        pixels: `uint32 [H]`, scratch.
        last_seen: `int32 [X, Y]`, set to `now` where a block of the column fills a pixel; elsewhere left as it is.
        now: the value to record.
    """
    rows, columns = frame.shape[0], frame.shape[1]
    horizon = rows / 2 + camera.focal * slope
    for column in range(columns):
        tangent = camera.tangents[column]
        ray = (direction[0] - tangent * direction[1], direction[1] + tangent * direction[0])
        draw_column(runs, eye, ray, horizon, camera.focal, camera.colours, pixels, last_seen, now)
        for row in range(rows):
            colour = np.int64(pixels[row]) if pixels[row] != 0 else camera.sky
            frame[row, column, 0] = colour & 255
            frame[row, column, 1] = colour >> 8 & 255
            frame[row, column, 2] = colour >> 16 & 255
