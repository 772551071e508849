"""A moment of the live view as one picture of a film: what a page would show of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simcore.pictures import (
    BELIEVED,
    IMAGINED,
    LEGEND,
    TRUE,
    Canvas,
    Line,
    MapPanel,
    Picture,
    Pose,
    draw_lines,
    draw_map,
    fitted,
    wrapped,
)

WIDTH, HEIGHT = 1280, 720
MARGIN = 24
TOP = 72
"""Where the panels begin."""
LARGE, SMALL, TILE = 272, 128, 32
"""Sides of the large picture, the agent's own, and a frame of a future."""
MAP, SMALLER_MAP, BETWEEN = 224, 192, 16
"""Sides of a map, where there is one belief and where there are two, and the space between two of them."""
MAPS, FUTURES = 332, 838
"""Where the maps and the futures begin, from the left."""
LINES = 556
"""Where the lines begin, from the top."""
SHOWN = 120
"""The steps that the lines show."""
COLOURS = (BELIEVED, "#d55e00")
"""Colours of the first belief's arrow and lines, and of the second's."""
FADED = "#666666"


def draw_moment(known: dict[str, Any], points: Sequence[dict[str, Any]]) -> Picture:
    """Draw what a page would show.

    Args:
        known: the newest decoded view of each kind; "hello", "control" and "moment" at least.
        points: of the time line, the last of them the moment's.
    """
    hello, moment = known["hello"], known["moment"]["moment"]
    canvas = Canvas(WIDTH, HEIGHT)
    draw_title(canvas, hello, known.get("control", {}), moment)
    draw_frames(canvas, hello, known["moment"], moment["beliefs"][0])
    if moment["place"] is not None:
        draw_maps(canvas, hello, moment)
    futures = known.get("futures")
    # Those of a later moment, which one looks back from, or of an episode before are not this one's.
    if futures is not None and 0 <= moment["number"] - futures["number"] <= moment["step"]:
        draw_futures(canvas, hello, futures, moment["number"])
    draw_course(canvas, hello, points)
    return canvas.pixels


def draw_title(canvas: Canvas, hello: dict[str, Any], control: dict[str, Any], moment: dict[str, Any]) -> None:
    """Draw the line above everything."""
    names = " beside ".join(f"{belief['name']} ({belief['core']}, {belief['age']})" for belief in hello["beliefs"])
    canvas.words(MARGIN, 16, f"{hello['level']}: {names}", 18)
    driver = control.get("driver", "")
    words = f"seed {moment['seed']}, step {moment['step']}" + (f", driven by {'the ' * (driver != 'you')}{driver}")
    canvas.words(MARGIN, 42, words, 13, FADED)
    if moment["is_blind"]:
        canvas.words(WIDTH - MARGIN, 16, "blindfolded: no frame reaches the belief", 18, IMAGINED, "ra")


def draw_frames(canvas: Canvas, hello: dict[str, Any], view: dict[str, Any], belief: dict[str, Any]) -> None:
    """Draw the world, what the agent sees of it, and what it expected."""
    moment, is_blind = view["moment"], view["moment"]["is_blind"]
    canvas.words(MARGIN, TOP, "the world" + (", which it does not see now" if is_blind else ""))
    canvas.put(MARGIN, TOP + 20, enlarged_world(view["sharp"], moment["frame"]))
    below = TOP + LARGE + 32
    seen = np.full_like(moment["frame"], 40) if is_blind else moment["frame"]
    canvas.words(MARGIN, below, "nothing is seen" if is_blind else "what the agent sees")
    canvas.put(MARGIN, below + 20, fitted(seen, SMALL))
    if belief["expected"] is not None:
        right = MARGIN + LARGE - SMALL
        canvas.words(right, below, "imagined" if is_blind else "expected", colour=IMAGINED if is_blind else TRUE)
        canvas.put(right, below + 20, fitted(belief["expected"], SMALL), IMAGINED)


def enlarged_world(sharp: Picture | None, frame: Picture) -> Picture:
    """Return what sharp eyes see, or the frame where they see nothing, about `LARGE` pixels wide."""
    if sharp is None:
        return fitted(frame, LARGE)
    return np.asarray(Image.fromarray(sharp).resize((LARGE, LARGE), Image.Resampling.BICUBIC))


def draw_maps(canvas: Canvas, hello: dict[str, Any], moment: dict[str, Any]) -> None:
    """Draw the true map, and the map of each belief with the place where it takes the agent to be."""
    place, size, turn = moment["place"], hello["map_size"], 360.0 / hello["headings"]
    seen = place["since_seen"] >= 0
    is_alone = len(moment["beliefs"]) == 1
    side = MAP if is_alone else SMALLER_MAP
    true = Pose((place["cell"] // size, place["cell"] % size), place["heading"] * turn)
    is_marked = place["x"] is not None
    poses = [true] if is_marked and place["cell"] >= 0 else []  # else it is off the map
    canvas.words(MAPS, TOP, "true map")
    canvas.put(MAPS, TOP + 20, draw_map(MapPanel(place["map"], seen, poses), side))
    width = 2 * side + BETWEEN if is_alone else side
    canvas.words(MAPS, TOP + side + 56, wrapped(LEGEND, width, 12), 12, FADED)
    x = MAPS + side + BETWEEN
    for number, belief in enumerate(moment["beliefs"]):
        top, colour = TOP + number * (side + 46), COLOURS[number % 2]
        canvas.words(x, top, f"believed map{name_of(hello, number)}", colour=colour)
        canvas.put(
            x, top + 20, draw_map(believed_panel(belief, seen, turn, colour, poses if is_marked else None), side)
        )
        part = belief["map_error"] / place["guess_error"]
        probability = belief["cell_probability"]
        cell = "off the map" if probability is None else f"true cell {probability:.0%}"
        words = f"error {part:.0%} of a guess's; {cell}"
        canvas.words(x, top + side + 26, words, 12, FADED)


def believed_panel(
    belief: dict[str, Any], seen: NDArray[np.bool_], turn: float, colour: str, true: list[Pose] | None
) -> MapPanel:
    """Return the panel of a belief's map, with true places; without any place if these are None."""
    size, cells, headings = len(seen), belief["cell"], belief["heading"]
    picture, certainty = belief["map"], belief["certainty"]
    if certainty is not None:
        picture = (255 - certainty[..., None] * (255 - picture.astype(np.float32))).round().astype(np.uint8)
    if true is None:
        return MapPanel(picture, seen)
    best = int(cells.argmax())
    pose = Pose((best // size, best % size), int(headings.argmax()) * turn, float(cells.max()), colour, headings)
    return MapPanel(picture, seen, [*true, pose], cells.reshape(size, size))


def draw_futures(canvas: Canvas, hello: dict[str, Any], futures: dict[str, Any], now: int) -> None:
    """Draw what will come, above the futures that are imagined, and below where these differ."""
    samples = [(number, rows) for number, rows in enumerate(futures["samples"]) if rows is not None]
    each = 8 // max(1, len(samples))
    late = now - futures["number"]
    when = "from here" if late == 0 else f"from {late} steps ago"
    canvas.words(FUTURES, TOP, f"what will come, and futures imagined {when}")
    y = TOP + 20
    if futures["true"] is not None:
        y = draw_row(canvas, y, futures["true"])
    for number, rows in samples:
        if len(samples) > 1:
            canvas.words(FUTURES, y + 2, hello["beliefs"][number]["name"], 12, FADED)
            y += 18
        for row in rows[:each]:
            y = draw_row(canvas, y, row, IMAGINED)
        y = draw_row(canvas, y + 4, np.repeat(futures["spread"][number][..., None], 3, axis=-1))
        canvas.words(FUTURES, y, "brighter: where they differ", 12, FADED)
        y += 20


def draw_row(canvas: Canvas, y: int, frames: NDArray[np.uint8], edge: str | None = None) -> int:
    """Draw frames beside one another, and return where the next row begins."""
    for number, frame in enumerate(frames):
        canvas.put(FUTURES + number * (TILE + 2), y, fitted(frame, TILE), edge)
    return y + TILE + 3


def draw_course(canvas: Canvas, hello: dict[str, Any], points: Sequence[dict[str, Any]]) -> None:
    """Draw lines of how far the map is off, how likely the true cell is, and how surprising the frames were."""
    charts: list[dict[str, Line]] = []
    if hello["has_maps"]:
        guesses = column(points, "guess_error")
        errors = [column(points, "map_errors", i) / guesses for i in range(len(hello["beliefs"]))]
        cells = [column(points, "cell_probabilities", i) for i in range(len(hello["beliefs"]))]
        charts.append(lines_of(hello, "map error, part of a guess's", errors))
        charts.append(lines_of(hello, "true cell's probability", cells))
        charts[-1]["a guess's"] = Line(column(points, "guess_probability"), FADED)
    surprises = [column(points, "surprises", i) for i in range(len(hello["beliefs"]))]
    charts.append(lines_of(hello, "surprise in nats", surprises))
    width = (WIDTH - 2 * MARGIN - BETWEEN * (len(charts) - 1)) // len(charts)
    for number, lines in enumerate(charts):
        high = None
        if hello["has_maps"] and number < 2:
            values = np.concatenate([np.asarray(line.values, np.float64) for line in lines.values()])
            high = float(values[np.isfinite(values)].max(initial=1.0))  # a blindfolded belief may be worse than a guess
        chart = draw_lines(lines, width, HEIGHT - LINES - MARGIN, high=high, steps=SHOWN)
        canvas.put(MARGIN + number * (width + BETWEEN), LINES, chart, None)


def lines_of(hello: dict[str, Any], name: str, values: Sequence[NDArray[np.float64]]) -> dict[str, Line]:
    """Return a line for each belief, by its name."""
    return {f"{name}{name_of(hello, i)}": Line(each, COLOURS[i % 2]) for i, each in enumerate(values)}


def column(points: Sequence[dict[str, Any]], name: str, belief: int | None = None) -> NDArray[np.float64]:
    """Return one of the points' values, `[T]`; NaN for null."""
    values = [point[name] if belief is None else point[name][belief] for point in points]
    return np.array([np.nan if value is None else value for value in values])


def name_of(hello: dict[str, Any], number: int) -> str:
    """Return what distinguishes a belief from the others; nothing if there is only one."""
    return f" ({hello['beliefs'][number]['core']})" if len(hello["beliefs"]) > 1 else ""
