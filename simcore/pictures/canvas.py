"""A canvas for pictures, words and lines, in pixels."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

PAPER, INK, FAINT = "#ffffff", "#000000", "#666666"
EDGE = "#595959"
"""Colour of the thin line around a picture."""
WORDS = 13
"""Default size of words, in pixels."""

Picture = NDArray[np.uint8]
"""uint8 `[H, W, 3]`."""


class Canvas:
    """A page on which pictures, words and lines are drawn; x points to the right, y down, both in pixels.

    Args:
        width: in pixels.
        height: in pixels.
        colour: of the paper.
    """

    def __init__(self, width: int, height: int, colour: str = PAPER) -> None:
        self.image = Image.new("RGB", (width, height), colour)
        self._pen = ImageDraw.Draw(self.image)

    @property
    def pixels(self) -> Picture:
        """What was drawn so far: a copy."""
        return np.array(self.image)

    def put(self, x: int, y: int, picture: Picture, edge: str | None = EDGE) -> None:
        """Draw a picture whose upper left corner is at (x, y), with a line of a colour around it, one pixel wide."""
        height, width = picture.shape[:2]
        self.image.paste(Image.fromarray(picture), (x, y))
        if edge is not None:
            self._pen.rectangle((x - 1, y - 1, x + width, y + height), outline=edge)

    def words(self, x: float, y: float, words: str, size: int = WORDS, colour: str = INK, anchor: str = "la") -> None:
        """Draw words, which may have several lines.

        Args:
            x: of the point that the anchor names.
            y: of that point.
            words: the text.
            size: in pixels.
            colour: of the ink.
            anchor: Pillow's: l, m or r across, and a (the first line's top), m (the middle) or s (its base) down.
        """
        align = {"l": "left", "m": "center", "r": "right"}[anchor[0]]
        self._pen.text((x, y), words, colour, font_of(size), anchor, align=align)

    def line(self, points: ArrayLike, colour: str = INK, width: int = 1) -> None:
        """Draw a line through points (x, y), `[P, 2]`."""
        self._pen.line([tuple(point) for point in np.asarray(points).tolist()], colour, width, "curve")


@cache
def font_of(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font in a size in pixels."""
    return ImageFont.load_default(size)


def width_of(words: str, size: int = WORDS) -> int:
    """Return the width of one line of words, in pixels."""
    return int(np.ceil(font_of(size).getlength(words)))


def wrapped(words: str, width: int, size: int = WORDS) -> str:
    """Return words broken into lines of at most `width` pixels, if no single word is wider."""
    lines: list[str] = []
    for word in words.split():
        if lines and width_of(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines)


def enlarged(picture: Picture, factor: int) -> Picture:
    """Return a picture whose pixels are squares of `factor` pixels."""
    return np.asarray(enlarge(picture, factor))


def enlarge(picture: NDArray[np.uint8], factor: int) -> Image.Image:
    """Return an image whose pixels are squares of `factor` pixels, of colours `[H, W, 3]` or greys `[H, W]`."""
    height, width = picture.shape[:2]
    return Image.fromarray(picture).resize((factor * width, factor * height), Image.Resampling.NEAREST)


def fitted(picture: Picture, side: int) -> Picture:
    """Return a picture of at most `side` pixels: its pixels enlarged, or averaged, by a whole number."""
    longest = max(picture.shape[:2])
    if longest <= side:
        return enlarged(picture, side // longest)
    return np.asarray(Image.fromarray(picture).reduce(-(-longest // side)))


def colour_of(name: str) -> Sequence[int]:
    """Return the red, green and blue of `#rrggbb`, 0 to 255."""
    return tuple(bytes.fromhex(name.removeprefix("#")))
