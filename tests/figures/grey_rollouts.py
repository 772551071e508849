"""A roll-out of which every picture is of one grey, which tells what it is and of which step."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from simcore.analysis.map_view import MapView
from simcore.analysis.rollout import LongRollout
from simcore.pictures.marks import IMAGINED

CONTEXT, STEPS, WORLDS = 4, 5, 2
TRUE, SAMPLED, EXPECTED, MAP, DECODED = 0, 100, 150, 200, 240
"""What tells kinds of pictures apart: each is of one grey, its kind's plus its time."""


def grey(kind: int, times: range, size: int = 4) -> torch.Tensor:
    values = torch.tensor([kind + t for t in times], dtype=torch.uint8)
    return values.view(-1, 1, 1, 1, 1).expand(-1, WORLDS, size, size, 3).clone()


def view(kind: int, times: range) -> MapView:
    """Maps of which all was seen, with the agent in the middle."""
    ones = torch.ones(len(times), WORLDS)
    since_seen = torch.zeros(len(times), WORLDS, 7, 7, dtype=torch.int32)
    return MapView(grey(kind, times, 7), since_seen, 24 * ones.long(), 0 * ones, ones)


def make_rollout(lengths: tuple[int, ...] = (9, 9)) -> LongRollout:
    every, first = range(CONTEXT + STEPS), range(CONTEXT)
    return LongRollout(
        CONTEXT,
        list(lengths),
        grey(TRUE, every),
        grey(SAMPLED, range(CONTEXT, CONTEXT + STEPS)),
        grey(EXPECTED, first),
        view(MAP, every),
        view(DECODED, first),
    )


def shown(figure: Figure) -> list[tuple[int, bool]]:
    """Return the grey of each picture in the order of drawing, and whether it is framed as imagined."""
    return [(int(np.asarray(panel.images[0].get_array())[0, 0, 0]), is_framed(panel)) for panel in figure.axes]


def is_framed(panel: Axes) -> bool:
    return panel.spines["left"].get_edgecolor() == to_rgba(IMAGINED)


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def check_words(figure: Figure) -> None:
    """Fail if words run over the page's edge, or into each other."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.texts]
    for i, box in enumerate(boxes):
        assert min(box.x0, box.y0, figure.bbox.x1 - box.x1, figure.bbox.y1 - box.y1) >= 0, figure.texts[i]
        for j in range(i):
            assert not box.padded(-1).overlaps(boxes[j].padded(-1)), (figure.texts[i], figure.texts[j])
