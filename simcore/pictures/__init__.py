"""Pictures as arrays, drawn by NumPy and Pillow alone: fast enough to be drawn while a run trains, or a page is live.

A picture is uint8 `[H, W, 3]`. `fitted`, `draw_map` and `draw_lines` make one, a `Canvas` holds several with words
between them, and `draw_sheet` sets rows of them under one another.
"""

from simcore.pictures.canvas import Canvas, Picture, enlarged, fitted, wrapped
from simcore.pictures.episode import Episode, draw_episode
from simcore.pictures.lines import Line, draw_lines
from simcore.pictures.map_panel import MapPanel, Pose, draw_map
from simcore.pictures.marks import BELIEVED, IMAGINED, LEGEND, TRUE
from simcore.pictures.sheet import draw_sheet

__all__ = [
    "BELIEVED",
    "IMAGINED",
    "LEGEND",
    "TRUE",
    "Canvas",
    "Episode",
    "Line",
    "MapPanel",
    "Picture",
    "Pose",
    "draw_episode",
    "draw_lines",
    "draw_map",
    "draw_sheet",
    "enlarged",
    "fitted",
    "wrapped",
]
