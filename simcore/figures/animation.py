"""Roll-outs in motion: what is seen and what was expected of it, then what is imagined, beside the maps."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from simcore.analysis.rollout import LongRollout
from simcore.figures.map_panel import BELIEVED, LEGEND, TRUE, plot_map
from simcore.figures.sheet import IMAGINED, MARGIN, Sheet, show, show_imagined, wrap

SIDE = 1.28
"""Of a picture, in inches."""
GAP = 0.1
BAND = 0.32
"""Height of the band that tells step and phase, in inches."""
TITLES = 0.42
"""Height of the columns' titles, in inches."""
NARROWEST = 5.0
"""Width in inches that the band's words need."""
DPI = 100
SEEN = "tab:blue"
"""Colour of the band while the belief sees the frames."""
STEP, TURN, END = 300, 1200, 2500
"""Milliseconds that a step is shown, the first that is imagined, and the last."""
LARGEST = 2_000_000
"""Bytes of an animation."""
COLOURS = (255, 128, 64, 32)
"""Of the palette that all pictures share, the first that makes the file small enough."""
NEAR = 12
"""Of 255, between colours that are taken for the same."""
PALETTE_FROM = 8
"""Pictures that the palette is chosen from."""


def rollout_animation(rollout: LongRollout) -> list[Image.Image]:
    """Return one picture a step: for each world a row of true frame, model's frame, true map and believed map.

    While the belief sees the frames, the model's are those expected one step before; then comes the long roll-out.
    """
    pictures = []
    for t in range(len(rollout.frames)):
        file = io.BytesIO()
        draw_step(rollout, t).savefig(file, format="png", dpi=DPI)
        pictures.append(Image.open(file).convert("RGB"))
    return pictures


def save_animation(pictures: Sequence[Image.Image], context: int, path: Path) -> None:
    """Write the pictures as a GIF that pauses before it imagines and at the end; `context` of them are seen.

    It gets as many colours as fit into two megabytes, and the fewest where none do.
    """
    durations = [STEP] * len(pictures)
    durations[context], durations[-1] = TURN, END
    shown = pictures[:: -(-len(pictures) // PALETTE_FROM)]
    together = Image.fromarray(np.concatenate([np.asarray(picture) for picture in shown]))
    for colours in COLOURS:
        palette = make_palette(together, colours)
        # Without dithering, which hides the pixels of small frames and doubles the file.
        first, *rest = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
        file = io.BytesIO()
        first.save(file, "GIF", save_all=True, append_images=rest, duration=durations, loop=0)
        if file.tell() <= LARGEST:
            break
    path.write_bytes(file.getvalue())


def make_palette(picture: Image.Image, colours: int) -> Image.Image:
    """Return a picture with a palette of so many colours that suits a picture, and holds the page's own as they are."""
    exact = np.array([to_rgb(colour) for colour in ("white", "black", SEEN, IMAGINED)]) * 255
    chosen = np.array(picture.quantize(colours - len(exact)).getpalette()).reshape(-1, 3)
    near = abs(chosen[:, None] - exact).max(axis=-1)
    # The search for the nearest colour is coarse: what is all but one of the page's own must not compete with it.
    chosen = np.where(near.min(axis=1, keepdims=True) < NEAR, exact[near.argmin(axis=1)], chosen)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.concatenate([exact, chosen]).round().astype(int).ravel().tolist())
    return palette


def draw_step(rollout: LongRollout, t: int) -> Figure:
    """Draw one step of all worlds."""
    worlds, imagined = rollout.frames.shape[1], t - rollout.context
    colour = SEEN if imagined < 0 else IMAGINED
    titles = ["sees", "expected\n(one step ahead)"] if imagined < 0 else ["unseen truth", "imagines"]
    if rollout.true is not None:
        titles += ["true map", "believed map" + (f"\n(at step {rollout.context - 1})" if imagined >= 0 else "")]
    width = max(2 * MARGIN + len(titles) * (SIDE + GAP) - GAP, NARROWEST)
    caption, caption_height = wrap(LEGEND, width - 2 * MARGIN, 8) if rollout.true is not None else ("", 0.0)
    top = BAND + TITLES
    sheet = Sheet(width, top + worlds * (SIDE + GAP) + caption_height + MARGIN)
    sheet.band(BAND, colour)
    phase = "it sees the frame" if imagined < 0 else f"+{imagined + 1}: it imagines, and sees no frame"
    sheet.words(MARGIN, BAND / 2, f"step {t}", 11, va="center_baseline", color="white", weight="bold")
    sheet.words(MARGIN + SIDE + GAP, BAND / 2, phase, 11, va="center_baseline", color="white", weight="bold")
    for column, title in enumerate(titles):
        x = MARGIN + column * (SIDE + GAP) + SIDE / 2
        ink = IMAGINED if title == "imagines" else "black"
        sheet.words(x, top - 0.09, title, 9, ha="center", va="baseline", color=ink)
    for world in range(worlds):
        y = top + world * (SIDE + GAP)
        if t < rollout.lengths[world]:
            plot_world(sheet, y, rollout, t, world)
        else:
            sheet.words(MARGIN, y + SIDE / 2, "the episode is over", va="center", color="0.4")
    sheet.words(MARGIN, sheet.height - 0.6 * MARGIN - caption_height, caption, 8)
    return sheet.figure


def plot_world(sheet: Sheet, y: float, rollout: LongRollout, t: int, world: int) -> None:
    """Draw the row of a world."""
    xs = [MARGIN + column * (SIDE + GAP) for column in range(4)]
    show(sheet.panel(xs[0], y, SIDE), rollout.frames[t, world].numpy())
    if t >= rollout.context:
        show_imagined(sheet.panel(xs[1], y, SIDE), rollout.samples[t - rollout.context, world].numpy())
    elif t > 0:
        show(sheet.panel(xs[1], y, SIDE), rollout.expected[t, world].numpy())
    else:
        sheet.words(xs[1] + SIDE / 2, y + SIDE / 2, "nothing yet", ha="center", va="center", color="0.4")
    if rollout.true is not None and rollout.believed is not None:
        plot_map(sheet.panel(xs[2], y, SIDE), rollout.true.at(t, world), TRUE)
        plot_map(sheet.panel(xs[3], y, SIDE), rollout.believed.at(min(t, rollout.context - 1), world), BELIEVED)
