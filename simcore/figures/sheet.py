"""A figure laid out by inches from its upper left corner: panels that align, pictures of square pixels, and words."""

from functools import lru_cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

MARGIN = 0.2
"""Inches around everything."""
WORDS = 9.0
"""Size of letters in points, where nothing else is said."""
LINE = 1.35
"""Height of a line of words, in font sizes."""
RASTER = 1.06
"""How much wider letters can become than they are drawn, where they are fitted to pixels."""
EDGE = "0.35"
"""Colour of the thin line around a picture."""
IMAGINED = "tab:red"
"""Colour of the frame around what was imagined and never seen."""


class Sheet:
    """A figure of a size in inches, on which panels and words are put; x runs to the right, y down."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height))

    def panel(self, x: float, y: float, width: float, height: float | None = None) -> Axes:
        """Return axes without ticks whose upper left corner is at (x, y); square, if no height is given."""
        height = width if height is None else height
        bottom = self.height - y - height
        place = (x / self.width, bottom / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(place, xticks=[], yticks=[])

    def words(self, x: float, y: float, words: str, size: float = WORDS, **style: Any) -> None:
        """Write words of a size in points; (x, y) is their upper left corner, unless `ha` and `va` say otherwise."""
        style = {"ha": "left", "va": "top", "linespacing": 1.2, "fontsize": size, **style}
        self.figure.text(x / self.width, 1 - y / self.height, words, **style)

    def rule(self, x: float, y: float, length: float, colour: str, width: float = 1.0) -> None:
        """Draw a line of a length from (x, y) to the right; its width is in points."""
        ends = (x / self.width, (x + length) / self.width)
        heights = (1 - y / self.height, 1 - y / self.height)
        self.figure.add_artist(Line2D(ends, heights, color=colour, linewidth=width, transform=self.figure.transFigure))

    def band(self, height: float, colour: str) -> None:
        """Colour a band along the upper edge."""
        place = (0.0, 1 - height / self.height)
        patch = Rectangle(place, 1.0, height / self.height, facecolor=colour, transform=self.figure.transFigure)
        self.figure.add_artist(patch)


@lru_cache
def wrap(words: str, width: float, size: float = WORDS) -> tuple[str, float]:
    """Return words broken into lines of at most `width` inches, and the height in inches that they take."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and TextPath((0, 0), longer, size=size).get_extents().x1 * RASTER > 72 * width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines), len(lines) * LINE * size / 72


def show(panel: Axes, picture: NDArray[Any], edge: str = EDGE, width: float = 0.6) -> None:
    """Show a picture `[H, W, 3]` pixel for pixel, with a line of a colour and a width in points around it."""
    panel.imshow(picture, interpolation="nearest")
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set(visible=True, edgecolor=edge, linewidth=width)


def show_imagined(panel: Axes, picture: NDArray[Any]) -> None:
    """Show a picture that was imagined and never seen: framed in red."""
    show(panel, picture, IMAGINED, 1.5)
