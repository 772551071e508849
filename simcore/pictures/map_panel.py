"""One map as a picture: a veil over cells that no frame has shown, arrows at poses, the belief about place as heat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from simcore.pictures.canvas import Picture, colour_of, enlarge
from simcore.pictures.marks import (
    BELIEVED,
    BORDER,
    BORDER_HALO,
    EDGE,
    HALO,
    STRIPE,
    STRIPES,
    TRUE,
    VEIL,
    arrow_corners,
    arrow_length,
    border_of,
    border_width,
)

SMOOTHING = 3
"""The factor by which a map is drawn larger than it is, and then averaged, so that slanting lines are smooth."""
SIDE = 77.0
"""Side in points of the map for which widths are given."""
HEAT = 0.85
"""Opacity of the heat on a cell in which the agent is believed to be for certain."""
ROSE = 2.5
"""Radius of the rose of a heading that is certain, in half lengths of the arrow."""
GREY = (115, 115, 115)
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Pose:
    """A place and a heading in a map, true or believed."""

    cell: tuple[int, int]
    """Row and column."""
    heading: float
    """Degrees clockwise from up."""
    certainty: float = 1.0
    """The probability of the cell, 0 to 1: the arrow is the paler, the smaller it is."""
    colour: str = TRUE
    """Of the arrow's edge, and of all of it where it is certain."""
    headings: NDArray[np.floating] | None = None
    """Probabilities of K headings, `[K]`, the first up, clockwise: a rose around the arrow, whose areas they are."""


@dataclass(frozen=True)
class MapPanel:
    """A map with what is marked in it."""

    picture: Picture
    """Uint8 `[N, N, 3]`, a pixel for each cell."""
    seen: NDArray[np.bool_] | None = None
    """Which cells a frame has shown, `[N, N]`; the others lie under a striped veil. None: no veil."""
    poses: Sequence[Pose] = ()
    """What has an arrow; the last one is on top."""
    heat: NDArray[np.floating] | None = None
    """Probabilities that the agent is in each cell, `[N, N]`, shown in the belief's colour."""


def draw_map(panel: MapPanel, side: int) -> Picture:
    """Draw a map of at most `side` pixels, whose cells are whole pixels; it is larger if it has more cells than that.

    Returns:
        Uint8 `[M, M, 3]`, where M is a multiple of the cells of the map's side.
    """
    size = len(panel.picture)
    factor = SMOOTHING * max(1, side // size)
    colours = panel.picture if panel.heat is None else heated(panel.picture, panel.heat)
    if panel.seen is not None:
        colours = np.where(panel.seen[..., None], colours, (colours + VEIL * (255 - colours)).round().astype(np.uint8))
    image = enlarge(colours, factor)
    if panel.seen is not None:
        draw_stripes(image, ~panel.seen)
        draw_border(image, panel.seen)
    for pose in panel.poses:
        draw_pose(image, pose, size)
    return np.asarray(image.reduce(SMOOTHING))


def heated(picture: Picture, heat: NDArray[np.floating]) -> Picture:
    """Return a map whose cells are tinted by how likely the agent is there; by the root, so that doubts show too."""
    opacity = HEAT * np.sqrt(np.clip(heat, 0.0, 1.0))[..., None]
    return (picture + opacity * (np.array(colour_of(BELIEVED)) - picture)).round().astype(np.uint8)


def draw_stripes(image: Image.Image, cells: NDArray[np.bool_]) -> None:
    """Draw stripes over some cells, bool `[N, N]`."""
    side, striped = image.width, image.copy()
    pen, width = ImageDraw.Draw(striped), thickness(STRIPE, side)
    for stripe in range(1, 2 * STRIPES):
        at = stripe * side / STRIPES
        pen.line((at, 0, 0, at), GREY, width)
    image.paste(striped, mask=enlarge(np.where(cells, np.uint8(255), np.uint8(0)), side // len(cells)))


def draw_border(image: Image.Image, seen: NDArray[np.bool_]) -> None:
    """Draw the line between the cells in `seen` and the others, black in white."""
    size, pen = len(seen), ImageDraw.Draw(image)
    sides = (border_of(seen) + 0.5) * (image.width / size)
    for colour, points in ((WHITE, BORDER_HALO), (colour_of(TRUE), BORDER)):
        half = thickness(points * border_width(size), image.width) / 2
        for (left, top), (right, bottom) in sides.tolist():
            pen.rectangle((left - half, top - half, right + half - 1, bottom + half - 1), tuple(colour))


def draw_pose(image: Image.Image, pose: Pose, size: int) -> None:
    """Draw an arrow, the paler the less certain, with a line of its colour within a white one; under it its rose."""
    pen, cell = ImageDraw.Draw(image), image.width / size
    colour = np.array(colour_of(pose.colour))
    if pose.headings is not None:
        draw_rose(pen, pose, cell, ROSE * arrow_length(size) * cell)
    corners = [tuple(corner) for corner in ((arrow_corners(pose.cell, pose.heading, size) + 0.5) * cell).tolist()]
    paled = 255 - pose.certainty * (255 - colour)
    around = [*corners, *corners[:2]]  # the first side twice, so that all corners are joined
    pen.line(around, WHITE, thickness(HALO, image.width), "curve")
    pen.polygon(corners, tuple(paled.round().astype(int).tolist()))
    pen.line(around, tuple(colour.tolist()), thickness(EDGE, image.width), "curve")


def draw_rose(pen: ImageDraw.ImageDraw, pose: Pose, cell: float, radius: float) -> None:
    """Draw a wedge for each heading, whose area is its probability, around the centre of the pose's cell."""
    assert pose.headings is not None
    y, x = ((place + 0.5) * cell for place in pose.cell)
    step = 360.0 / len(pose.headings)
    pale = tuple((255 - (255 - np.array(colour_of(pose.colour))) // 2).tolist())
    for number, probability in enumerate(pose.headings.tolist()):
        length = radius * max(0.0, probability) ** 0.5
        if length >= SMOOTHING:
            middle = step * number - 90.0  # Pillow's angles begin at the right
            box = (x - length, y - length, x + length, y + length)
            pen.pieslice(box, middle - step / 2, middle + step / 2, pale)


def thickness(points: float, side: int) -> int:
    """Return the width of a line in the pixels of a drawn map, given the points that it has on a map of `SIDE`."""
    return max(1, round(points * side / SIDE))
