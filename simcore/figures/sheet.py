"""Figures laid out in inches from the upper left corner: aligned panels, pictures with square pixels, and text."""

from functools import lru_cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from simcore.pictures.marks import IMAGINED

MARGIN = 0.2
"""The figure's margin, in inches."""
WORDS = 9.0
"""Default font size, in points."""
LINE = 1.35
"""Height of a line of text, in font sizes."""
RASTER = 1.06
"""Factor by which text can become wider when it is fitted to pixels."""
EDGE = "0.35"
"""Colour of the thin line around a picture."""


class Sheet:
    """A figure of a size in inches, for panels and text at given positions; x points to the right, y down."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height))

    def panel(self, x: float, y: float, width: float, height: float | None = None) -> Axes:
        """Add axes without ticks whose upper left corner is at (x, y); square if no height is given."""
        height = width if height is None else height
        bottom = self.height - y - height
        place = (x / self.width, bottom / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(place, xticks=[], yticks=[])

    def words(self, x: float, y: float, words: str, size: float = WORDS, **style: Any) -> None:
        """Add text of a size in points; (x, y) is its upper left corner, unless `ha` and `va` are given."""
        style = {"ha": "left", "va": "top", "linespacing": 1.2, "fontsize": size, "parse_math": False, **style}
        self.figure.text(x / self.width, 1 - y / self.height, words, **style)

    def rule(self, x: float, y: float, length: float, colour: str, width: float = 1.0) -> None:
        """Add a horizontal line of a length from (x, y) to the right; its width is in points."""
        ends = (x / self.width, (x + length) / self.width)
        heights = (1 - y / self.height, 1 - y / self.height)
        self.figure.add_artist(Line2D(ends, heights, color=colour, linewidth=width, transform=self.figure.transFigure))

    def band(self, height: float, colour: str) -> None:
        """Add a coloured band of a height along the upper edge."""
        place = (0.0, 1 - height / self.height)
        patch = Rectangle(place, 1.0, height / self.height, facecolor=colour, transform=self.figure.transFigure)
        self.figure.add_artist(patch)


@lru_cache
def wrap(words: str, width: float, size: float = WORDS) -> tuple[str, float]:
    """Return the text broken into lines of at most `width` inches, and its height in inches."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and TextPath((0, 0), longer, size=size).get_extents().x1 * RASTER > 72 * width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines), len(lines) * LINE * size / 72


def show(panel: Axes, picture: NDArray[Any], edge: str = EDGE, width: float = 0.6) -> None:
    """Plot a picture `[H, W, 3]` without interpolation, with a line of a colour and a width in points around it."""
    panel.imshow(picture, interpolation="nearest")
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set(visible=True, edgecolor=edge, linewidth=width)


def show_imagined(panel: Axes, picture: NDArray[Any]) -> None:
    """Plot an imagined picture `[H, W, 3]`, framed in red."""
    show(panel, picture, IMAGINED, 1.5)
