"""The animation of a roll-out: what it says at each step, what it shows, and how large its file is."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from grey_rollouts import CONTEXT, DECODED, EXPECTED, MAP, SAMPLED, STEPS, TRUE, make_rollout, shown, words
from PIL import Image

from simcore.figures import animation, animation_file, rollout_animation
from simcore.figures.animation import draw_step
from simcore.pictures.marks import LEGEND


def test_each_step_tells_its_phase_and_shows_frame_expectation_and_maps() -> None:
    rollout = make_rollout()
    for t in range(CONTEXT + STEPS):
        figure = draw_step(rollout, t)
        told = [word.replace("\n", " ") for word in words(figure)]
        assert f"step {t}" in told
        assert LEGEND in told
        if t < CONTEXT:
            assert {"it sees the frame", "sees", "expected (one step ahead)", "true map", "believed map"} < set(told)
            expected = [(EXPECTED + t, False)] if t else []
            row = [(TRUE + t, False), *expected, (MAP + t, False), (DECODED + t, False)]
        else:
            assert f"+{t - CONTEXT + 1}: it imagines, and sees no frame" in told
            assert {"unseen truth", "imagines", "true map", "believed map (at step 3)"} < set(told)
            row = [(TRUE + t, False), (SAMPLED + t, True), (MAP + t, False), (DECODED + CONTEXT - 1, False)]
        assert shown(figure) == 2 * row


def test_an_episode_that_is_over_is_said_to_be() -> None:
    rollout = make_rollout((9, 6))
    assert "the episode is over" not in words(draw_step(rollout, 5))
    over = draw_step(rollout, 6)
    assert "the episode is over" in words(over)
    assert len(over.axes) == 4


def test_a_world_without_maps_has_two_columns() -> None:
    rollout = replace(make_rollout(), true=None, believed=None)
    for t in (1, CONTEXT):
        figure = draw_step(rollout, t)
        assert len(figure.axes) == 2 * 2
        assert not any("map" in word or "arrow" in word for word in words(figure))


def test_the_file_pauses_where_the_phase_changes_and_keeps_colours() -> None:
    pictures = rollout_animation(make_rollout())
    with Image.open(io.BytesIO(animation_file(pictures, CONTEXT))) as film:
        assert film.n_frames == CONTEXT + STEPS
        durations = []
        for t, picture in enumerate(pictures):
            film.seek(t)
            durations.append(film.info["duration"])
            away = abs(np.asarray(film.convert("RGB")).astype(int) - np.asarray(picture).astype(int))
            assert np.percentile(away, 99) < 16
            assert not away[:3].any(), "the band's colour is kept"
            assert not away[-3:].any(), "and the paper is white"
    assert durations == [300, 300, 300, 300, 1200, 300, 300, 300, 2500]


@pytest.mark.parametrize(("largest", "most"), [(10**9, 255), (1, 32)])
def test_colours_are_given_up_for_a_small_file(largest: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animation, "LARGEST", largest)
    noise = torch.randint(0, 256, (3, 64, 64, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    film_file = animation_file([Image.fromarray(picture.numpy()) for picture in noise], 1)
    with Image.open(io.BytesIO(film_file)) as film:
        colours = {tuple(pixel) for pixel in np.asarray(film.convert("RGB")).reshape(-1, 3)}
    assert most // 2 < len(colours) <= most
