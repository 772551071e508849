"""Animations of roll-outs: true frames beside one-step predictions, then beside a long roll-out, with the maps."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from simcore.analysis.rollout import LongRollout
from simcore.figures.file import figure_file
from simcore.figures.map_panel import plot_map
from simcore.figures.sheet import MARGIN, Sheet, show, show_imagined, wrap
from simcore.pictures.marks import BELIEVED, IMAGINED, LEGEND, TRUE

SIDE = 1.28
"""Side of a picture, in inches."""
GAP = 0.1
BAND = 0.32
"""Height of the band that shows step and phase, in inches."""
TITLES = 0.42
"""Height of the columns' titles, in inches."""
NARROWEST = 5.0
"""Width that the band's text needs, in inches."""
DPI = 100
SEEN = "tab:blue"
"""Colour of the band while the belief sees the frames."""
STEP, TURN, END = 300, 1200, 2500
"""Durations in milliseconds of a step, of the first imagined step, and of the last step."""
LARGEST = 2_000_000
"""The largest size of an animation, in bytes."""
COLOURS = (255, 128, 64, 32)
"""Sizes of the shared palette, of which the first that makes the file small enough is used."""
NEAR = 12
"""The largest difference, of 255, between colours that count as the same."""
PALETTE_FROM = 8
"""Pictures from which the palette is chosen."""


def rollout_animation(rollout: LongRollout) -> list[Image.Image]:
    """Return one picture per step: for each world a row of true frame, model's frame, true map and believed map.

    While the belief observes frames, the model's are predicted one step ahead; then they are of the long roll-out.
    """
    pictures = []
    for t in range(len(rollout.frames)):
        page = figure_file(draw_step(rollout, t), dpi=DPI)
        pictures.append(Image.open(io.BytesIO(page)).convert("RGB"))
    return pictures


def animation_file(pictures: Sequence[Image.Image], context: int) -> bytes:
    """Return the pictures as a GIF that pauses after the `context` observed ones and at the end.

    It has the most colours that fit into two megabytes, or the fewest if none do.
    """
    durations = [STEP] * len(pictures)
    durations[context], durations[-1] = TURN, END
    shown = pictures[:: -(-len(pictures) // PALETTE_FROM)]
    together = Image.fromarray(np.concatenate([np.asarray(picture) for picture in shown]))
    for colours in COLOURS:
        palette = make_palette(together, colours)
        # Without dithering, which hides the pixels of small frames and doubles the file's size.
        first, *rest = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
        file = io.BytesIO()
        first.save(file, "GIF", save_all=True, append_images=rest, duration=durations, loop=0)
        if file.tell() <= LARGEST:
            break
    return file.getvalue()


def make_palette(picture: Image.Image, colours: int) -> Image.Image:
    """Return a picture whose palette has `colours` colours: the page's own exactly, the others chosen for `picture`."""
    exact = np.array([to_rgb(colour) for colour in ("white", "black", SEEN, IMAGINED)]) * 255
    chosen = np.array(picture.quantize(colours - len(exact)).getpalette()).reshape(-1, 3)
    near = abs(chosen[:, None] - exact).max(axis=-1)
    # The search for the nearest colour is coarse: colours close to the page's own would be confused with them.
    chosen = np.where(near.min(axis=1, keepdims=True) < NEAR, exact[near.argmin(axis=1)], chosen)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.concatenate([exact, chosen]).round().astype(int).ravel().tolist())
    return palette


def draw_step(rollout: LongRollout, t: int) -> Figure:
    """Plot one step of all worlds."""
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
    """Plot the row of a world."""
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
