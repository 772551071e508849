"""Pictures of roll-outs: which frames are shown where, and which are framed as imagined."""

from dataclasses import replace

import pytest
from grey_rollouts import CONTEXT, DECODED, MAP, SAMPLED, STEPS, TRUE, WORLDS, check_words, make_rollout, shown, words
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from simcore.figures import rollout_figure
from simcore.figures.animation import draw_step
from simcore.figures.inputs_and_samples import inputs_and_samples_figure
from simcore.figures.rollouts import moments
from simcore.figures.sheet import wrap
from simcore.pictures.marks import BELIEVED, LEGEND
from simcore.pictures.marks import TRUE as TRUE_ARROW


def test_the_map_forms_at_the_left_and_what_is_imagined_stands_below_what_came() -> None:
    figure = rollout_figure(make_rollout(), "title")
    each = shown(figure)
    assert moments(CONTEXT) == [1, 2, 4]
    seen = [(kind + t, False) for t in (0, 1, 3) for kind in (TRUE, MAP, DECODED)]
    imagined = [pair for t in range(CONTEXT, 9) for pair in ((TRUE + t, False), (SAMPLED + t, True))]
    assert each == 2 * (seen + imagined)
    assert [word for word in words(figure) if word.startswith(("after", "+"))] == 2 * [
        *("after 1 frame", "after 2 frames", "after 4 frames"),
        *("+1", "+2", "+3", "+4", "+5"),
    ]


def test_a_world_without_maps_is_drawn_without() -> None:
    figure = rollout_figure(replace(make_rollout(), true=None, believed=None), "title")
    assert len(figure.axes) == WORLDS * (3 + 2 * STEPS)
    assert not any("map" in word or "arrow" in word for word in words(figure))


def test_arrows_and_veil_are_told_in_words_and_drawn_by_kind() -> None:
    figure = rollout_figure(make_rollout(), "title")
    assert any(LEGEND in word.replace("\n", " ") for word in words(figure))
    for panel, (value, _) in zip(figure.axes, shown(figure), strict=True):
        colour = {MAP // 40: TRUE_ARROW, DECODED // 40: BELIEVED}.get(value // 40)
        assert [patch.get_edgecolor() for patch in panel.patches[1:]] == ([to_rgba(colour)] if colour else [])


def test_nothing_is_drawn_beyond_an_episodes_end() -> None:
    figure = rollout_figure(make_rollout((9, 6)), "title")
    assert len(figure.axes) == 2 * (9 + 2 * STEPS) - 2 * 3


def test_figures_13_and_14_have_nothing_below_the_frames_that_the_belief_saw() -> None:
    figure = inputs_and_samples_figure({"Cliff": make_rollout(), "Tower": make_rollout((6, 9))}, "title", columns=4)
    inputs = [(t, False) for t in range(CONTEXT)]
    later = [pair for t in range(CONTEXT, 9) for pair in ((t, False), (SAMPLED + t, True))]
    assert shown(figure) == inputs + later + inputs + later[:4]
    assert words(figure).count("the belief sees these frames") == 2


@pytest.mark.parametrize("steps", [1, 3, STEPS])
@pytest.mark.parametrize("maps", [True, False])
def test_words_stay_on_the_page_and_apart(steps: int, maps: bool) -> None:
    rollout = make_rollout((CONTEXT + steps,) * 2)
    rollout = replace(rollout, samples=rollout.samples[:steps], frames=rollout.frames[: CONTEXT + steps])
    if not maps:
        rollout = replace(rollout, true=None, believed=None)
    check_words(rollout_figure(rollout, "RandomCity-tiny-0 after 8,000 updates, in worlds that it was not trained in"))
    for t in (0, CONTEXT - 1, CONTEXT):
        check_words(draw_step(rollout, t))
    for columns in (4, 16):
        check_words(
            inputs_and_samples_figure({"HighFoodHard": rollout, "Tower": rollout}, "Inputs, and samples", columns)
        )


@pytest.mark.parametrize("size", [8.0, 11.0])
def test_words_are_broken_to_fit(size: int) -> None:
    whole = "the long roll-out that starts from a belief and goes on by the actions alone " * 4
    broken, height = wrap(whole, 4.0, size)
    figure = Figure(figsize=(4.0, 4.0))
    text = figure.text(0, 0, broken, fontsize=size, linespacing=1.2)
    box = text.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    assert box.width / figure.dpi < 4.0
    assert 0.8 * height < box.height / figure.dpi < 1.05 * height
