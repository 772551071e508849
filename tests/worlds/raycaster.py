"""A plain ray caster, the oracle of the renderer: one ray a pixel, every cell's wall in turn."""

import numpy as np

from simcore.worlds.voxel.grid import BOTTOM, EAST, NORTH, SKY, SOUTH, TOP, WEST, shaded_colours


def cast_rays(blocks, eye, heading, slope, frame_size, field_of_view):
    """Return the frame `uint8 [H, W, 3]` and the grid columns it shows, `bool [X, Y]`; angles in radians."""
    half = np.tan(np.deg2rad(field_of_view) / 2)
    offsets = (2 * (np.arange(frame_size) + 0.5) / frame_size - 1) * half
    right = np.broadcast_to(offsets[None, :], (frame_size, frame_size)).ravel()
    up = np.broadcast_to(-offsets[:, None], (frame_size, frame_size)).ravel()
    sine, cosine = np.sin(heading), np.cos(heading)
    rays = np.stack([sine + right * cosine, -cosine + right * sine, slope + up], axis=1)

    times, axes = [], []
    for axis, size in enumerate(blocks.shape):
        planes = np.arange(size + 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = (planes[None, :] - eye[axis]) / rays[:, axis, None]
        times.append(np.where(crossing > 0, crossing, np.inf))
        axes.append(np.full(crossing.shape, axis))
    times, axes = np.concatenate(times, 1), np.concatenate(axes, 1)
    order = np.argsort(times, axis=1)
    times, axes = np.take_along_axis(times, order, 1), np.take_along_axis(axes, order, 1)

    pixels = np.broadcast_to(np.array(SKY, np.uint8), (len(rays), 3)).copy()
    shown = np.zeros(blocks.shape[:2], bool)
    colours = shaded_colours()
    waiting = np.ones(len(rays), bool)
    for index in range(times.shape[1] - 1):
        begin, end = times[:, index], times[:, index + 1]
        middle = np.where(np.isfinite(begin), (begin + np.where(np.isfinite(end), end, begin + 1)) / 2, 0)
        cells = np.floor(np.array(eye) + middle[:, None] * rays).astype(int)
        inside = ((cells >= 0) & (cells < blocks.shape)).all(1) & np.isfinite(begin)
        cells = np.where(inside[:, None], cells, 0)
        kinds = blocks[tuple(cells.T)]
        hit = waiting & inside & (kinds > 0)
        vertical = np.where(rays[:, 2] < 0, TOP, BOTTOM)
        across_x = np.where(rays[:, 0] > 0, WEST, EAST)
        across_y = np.where(rays[:, 1] > 0, NORTH, SOUTH)
        faces = np.choose(axes[:, index], [across_x, across_y, vertical])
        pixels[hit] = colours[kinds, faces][hit]
        shown[cells[hit, 0], cells[hit, 1]] = True
        waiting &= ~hit
    return pixels.reshape(frame_size, frame_size, 3), shown
