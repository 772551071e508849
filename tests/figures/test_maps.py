"""Figure 11: what is drawn of which world, and where it ends."""

import numpy as np
import pytest
import torch
from grey_rollouts import check_words

from simcore.analysis.map_view import MapView
from simcore.analysis.maps import Maps
from simcore.figures import maps_figure

STEPS, TIMES = 9, [0, 4, 8]


def make_maps(lengths: list[int], samples: int) -> Maps:
    """Return maps of worlds of which each is of one grey."""
    worlds = len(lengths)
    greys = torch.arange(worlds, dtype=torch.uint8).view(1, -1, 1, 1, 1)
    pictures = greys.expand(STEPS, worlds, 7, 7, 3)
    seen = torch.zeros(STEPS, worlds, 7, 7, dtype=torch.int32)
    place = torch.ones(STEPS, worlds)
    view = MapView(pictures, seen, place.long(), place, place)
    drawn = pictures[TIMES].expand(samples, len(TIMES), worlds, 7, 7, 3) if samples else None
    return Maps(pictures, lengths, view, view, TIMES, drawn)


@pytest.mark.parametrize(("samples", "rows"), [(0, 3), (2, 5), (8, 6)])
def test_the_longest_episodes_are_drawn_up_to_their_end(samples: int, rows: int) -> None:
    figure = maps_figure(make_maps([4, 9, 3, 5], samples), "title", worlds=3)
    shown = [int(np.asarray(panel.images[0].get_array())[0, 0, 0]) for panel in figure.axes]
    assert shown == [1] * 3 * rows + [3] * 2 * rows + [0] * rows
    steps = [text.get_text() for text in figure.texts if text.get_text().startswith("step")]
    assert steps == ["step 0", "step 4", "step 8", "step 0", "step 4", "step 0"]
    check_words(figure)
