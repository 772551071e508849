"""One episode on a sheet: what was seen, what was expected, the error, and the maps, true and believed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.pictures.canvas import Picture, fitted
from simcore.pictures.map_panel import MapPanel, draw_map
from simcore.pictures.marks import LEGEND
from simcore.pictures.sheet import draw_sheet

SIDE = 128
"""The largest side of a picture on the sheet, in pixels."""


@dataclass(frozen=True)
class Episode:
    """An episode at K of its steps."""

    steps: Sequence[int]
    """The numbers of the steps, `[K]`, from 0."""
    frames: Picture
    """What the agent saw, uint8 `[K, H, W, 3]`."""
    expected: Picture | None = None
    """What was expected there one step before, alike; None without a frame model that makes frames."""
    true: Sequence[MapPanel] = ()
    """The true map and pose at each step; empty in a world without maps."""
    believed: Sequence[MapPanel] = ()
    """The same as it is read from the belief."""


def draw_episode(episode: Episode, title: str) -> Picture:
    """Draw an episode on a sheet, a column for each of its steps.

    From above: the frames; those expected one step ahead, and how far they are off; the true map and the believed one.
    """
    rows = {"seen": list(episode.frames)}
    caption = []
    if episode.expected is not None:
        rows["expected"] = list(episode.expected)
        rows["error"] = list(np.abs(episode.frames.astype(int) - episode.expected).astype(np.uint8))
        caption.append("Expected: sampled from the belief one step before. Error: black where there is none.")
    shown = {name: [fitted(frame, SIDE) for frame in row] for name, row in rows.items()}
    if episode.true:
        shown["true map"] = [draw_map(panel, SIDE) for panel in episode.true]
    if episode.believed:
        shown["believed map"] = [draw_map(panel, SIDE) for panel in episode.believed]
        caption.append(f"{LEGEND} Bluish: cells where it may be; wedges: where it may look.")
    return draw_sheet(title, [f"step {step}" for step in episode.steps], shown, " ".join(caption))
