"""Pictures, words and lines on a canvas; rows of pictures; an episode."""

import numpy as np
import pytest

from simcore.pictures import BELIEVED, IMAGINED, Canvas, Episode, Line, MapPanel, draw_episode, draw_lines, draw_sheet
from simcore.pictures.canvas import Picture, colour_of, fitted, width_of, wrapped


def random_pictures(*shape: int) -> Picture:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


def holds(page: Picture, picture: Picture) -> bool:
    """Whether a picture is on a page, pixel by pixel."""
    windows = np.lib.stride_tricks.sliding_window_view(page, picture.shape)[:, :, 0]
    corners = (windows[:, :, 0, 0] == picture[0, 0]).all(axis=-1)
    return any(np.array_equal(window, picture) for window in windows[corners])


@pytest.mark.parametrize(("size", "factor"), [(16, 8), (64, 2), (96, 1), (128, 1)])
def test_small_frames_are_enlarged_by_whole_numbers(size: int, factor: int) -> None:
    frame = random_pictures(size, size)
    assert np.array_equal(fitted(frame, 128), frame.repeat(factor, axis=0).repeat(factor, axis=1))


def test_large_frames_are_averaged() -> None:
    frame = random_pictures(4, 6)
    small = frame.reshape(2, 2, 3, 2, 3).mean(axis=(1, 3))
    assert abs(fitted(frame, 3) - small).max() <= 0.5
    assert fitted(random_pictures(512, 256), 128).shape == (128, 64, 3)


def test_a_canvas_shows_what_is_put_where() -> None:
    canvas = Canvas(60, 40)
    picture = random_pictures(10, 20)
    canvas.put(5, 7, picture, edge=None)
    canvas.line([(30, 30), (50, 30)], IMAGINED)
    pixels = canvas.pixels
    assert np.array_equal(pixels[7:17, 5:25], picture)
    assert pixels[30, 40].tolist() == list(colour_of(IMAGINED))
    assert (pixels[:6] == 255).all()
    canvas.words(5, 20, "seen")
    assert (canvas.pixels[20:34, 5:40] < 128).any()
    assert (pixels[20:28, 5:28] == 255).all(), "what was taken before is a copy"


def test_words_are_broken_into_lines_that_fit() -> None:
    words = "Expected: a frame that is sampled one step ahead. Error: black where there is none."
    lines = wrapped(words, 200).splitlines()
    assert " ".join(lines) == words
    assert len(lines) > 1
    assert max(map(width_of, lines)) <= 200


def test_a_sheet_holds_all_pictures_and_leaves_gaps() -> None:
    first, second, third = random_pictures(3, 9, 9)
    page = draw_sheet(
        "A title", ["step 1", "step 2"], {"seen": [first, second], "expected": [None, third]}, "A caption."
    )
    assert all(holds(page, picture) for picture in (first, second, third))


def test_a_line_has_gaps_where_there_is_no_number() -> None:
    values = np.full(50, 0.5)
    values[20:30] = np.nan
    chart = draw_lines({"map error": Line(values, BELIEVED)}, 200, 80, high=1.0)
    assert chart.shape == (80, 200, 3)
    is_line = (chart == colour_of(BELIEVED)).all(axis=-1)[25:].any(axis=0)
    inked = np.flatnonzero(is_line)
    gap = np.diff(inked).max()
    assert gap == pytest.approx(11 / 49 * (inked[-1] - inked[0]), abs=4)


@pytest.mark.parametrize(
    "lines", [{}, {"KL": Line([])}, {"KL": Line([np.nan])}, {"KL": Line([3.0])}, {"KL": Line([0, 0])}]
)
def test_a_chart_of_nothing_yet_can_be_drawn(lines: dict[str, Line]) -> None:
    assert draw_lines(lines, 120, 60, steps=100).shape == (60, 120, 3)


def test_an_episode_shows_truth_expectation_and_error() -> None:
    frames, expected = random_pictures(2, 3, 16, 16)
    page = draw_episode(Episode([1, 5, 9], frames, expected), "RandomCity")
    error = abs(frames.astype(int) - expected).astype(np.uint8)
    assert all(holds(page, fitted(frame, 128)) for row in (frames, expected, error) for frame in row)


def test_rows_that_an_episode_does_not_have_are_left_out() -> None:
    frames = random_pictures(3, 16, 16)
    maps = [MapPanel(picture) for picture in random_pictures(3, 8, 8)]
    heights = [
        len(draw_episode(episode, "title"))
        for episode in (
            Episode([1, 2, 3], frames),
            Episode([1, 2, 3], frames, frames),
            Episode([1, 2, 3], frames, None, maps, maps),
            Episode([1, 2, 3], frames, frames, maps, maps),
        )
    ]
    assert heights[0] < heights[1] < heights[3] > heights[2] > heights[0]
