"""The live page in a real browser: what it shows is what the server sent, and every key does what it says."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from serving import serving
from tab import PACE, Tab, enlarged


@pytest.fixture(scope="module")
def opened(browser: Any) -> Iterator[Tab]:
    with serving(pace=PACE) as server:
        tab = Tab(browser, server)
        yield tab
        tab.page.close()


@pytest.fixture
def tab(opened: Tab) -> Iterator[Tab]:
    """Return the page at the beginning of an episode; nothing may be complained of in its console."""
    opened.begin()
    yield opened
    assert opened.problems == []


def test_it_tells_the_level_the_belief_and_what_to_try(tab: Tab) -> None:
    assert tab.page.title() == "RandomCity · SimCore live"
    assert "one · LSTM · after 0 of 6 updates" in tab.text("#beliefs")
    assert tab.text("#step-count") == "step 0 of 1000"
    assert "press b" in tab.text("#status")


def test_an_arrow_key_moves_the_agent(tab: Tab) -> None:
    first = tab.number
    moment = tab.walk(1)
    assert moment["number"] == first + 1
    assert tab.sent["hello"]["actions"][moment["action"]]["name"] == "forward"
    assert tab.text("#step-count") == "step 1 of 1000"


def test_a_held_key_goes_on_until_it_is_let_go(tab: Tab) -> None:
    first = tab.number
    tab.page.keyboard.down("ArrowLeft")
    tab.wait_for_moment(first + 3)
    tab.page.keyboard.up("ArrowLeft")
    tab.wait_for("() => document.body.dataset.held === ''")
    assert {tab.moments[number]["moment"]["action"] for number in range(first + 1, tab.newest + 1)} == {1}


def test_two_keys_held_together_are_one_action(tab: Tab) -> None:
    first = tab.number
    tab.page.evaluate(
        """() => {
            for (const type of ["keydown", "keyup"]) {
                for (const key of ["ArrowUp", "ArrowLeft"]) {
                    document.body.dispatchEvent(new KeyboardEvent(type, { key, bubbles: true }));
                }
            }
        }"""
    )
    moment = tab.wait_for_moment(first + 1)
    assert tab.sent["hello"]["actions"][moment["action"]]["name"] == "forward_left"
    assert tab.newest == first + 1


def test_the_pictures_are_what_the_server_sent(tab: Tab) -> None:
    moment = tab.walk(3)
    belief = moment["beliefs"][0]
    np.testing.assert_array_equal(tab.pixels("#frame"), enlarged(moment["frame"], 128))
    np.testing.assert_array_equal(tab.pixels("#expected-0"), enlarged(belief["expected"], 128))
    tab.strike("v")
    tab.wait_for("() => document.getElementById('sharp').ariaPressed === 'false'")
    np.testing.assert_array_equal(tab.pixels("#world-picture"), enlarged(moment["frame"], 264))
    tab.strike("v")
    tab.wait_for("() => document.getElementById('sharp').ariaPressed === 'true'")
    assert tab.sent["moment"]["sharp"].shape == (256, 256, 3)


@pytest.mark.parametrize("panel", ["true-map", "believed-map-0"])
def test_the_maps_are_what_the_server_sent(tab: Tab, panel: str) -> None:
    moment = tab.walk(6, "ArrowLeft")
    place, belief = moment["place"], moment["beliefs"][0]
    picture = place["map"] if panel == "true-map" else belief["map"]
    drawn = tab.pixels(f"#{panel}")
    cell = drawn.shape[0] // 7
    arrows = [(place["y"] - 0.5, place["x"] - 0.5)]
    arrows += [divmod(int(belief["cell"].argmax()), 7)] if panel != "true-map" else []
    compared = 0
    for row, column in np.argwhere(place["since_seen"] >= 0):  # others are veiled
        if min(np.hypot(row - y, column - x) for y, x in arrows) > 1.3:
            middle = drawn[int((row + 0.5) * cell), int((column + 0.5) * cell)]
            np.testing.assert_array_equal(middle, picture[row, column])
            compared += 1
    assert compared >= 3


def test_the_futures_are_what_the_server_sent(tab: Tab) -> None:
    moment = tab.walk(1)
    tab.wait_for("number => document.getElementById('films').dataset.number === String(number)", moment["number"])
    futures = tab.sent["futures"]
    for row, frames in {"true": futures["true"], **{f"0-{i + 1}": futures["samples"][0][i] for i in range(8)}}.items():
        drawn = tab.pixels(f"#film-{row}")
        for step, frame in enumerate(frames):
            shown = drawn[:, 34 * step : 34 * step + 32]
            np.testing.assert_array_equal(shown, enlarged(frame, 32), err_msg=f"film {row}, step {step}")


def test_the_numbers_are_those_of_the_belief(tab: Tab) -> None:
    moment = tab.walk(2)
    belief = moment["beliefs"][0]
    part = 100 * belief["map_error"] / moment["place"]["guess_error"]
    assert float(tab.text("#map-error-0").removesuffix(" %")) == pytest.approx(part, abs=0.51)
    told = float(tab.text("#cell-probability-0").removesuffix(" %"))
    assert told == pytest.approx(100 * belief["cell_probability"], abs=0.51)


def test_blindfolded_the_agent_sees_nothing_and_imagines(tab: Tab) -> None:
    tab.strike("b")
    tab.wait_for("() => document.body.dataset.blind === 'true'")
    moment = tab.walk(2)
    assert moment["is_blind"]
    assert "does not see this" in tab.text("#blind-label")
    assert "Imagined" in tab.text("#tiles")
    assert tab.pixels("#frame").max() < 100
    np.testing.assert_array_equal(tab.pixels("#expected-0"), enlarged(moment["beliefs"][0]["expected"], 128))
    tab.strike("b")
    tab.wait_for("() => document.body.dataset.blind === 'false'")
    assert not tab.walk(1)["is_blind"]
    assert tab.page.is_hidden("#blind-label")


def test_looking_back_and_returning(tab: Tab) -> None:
    newest = tab.walk(3)["number"]
    tab.page.focus("#time-line")
    tab.strike("ArrowLeft")
    moment = tab.wait_for_moment(newest - 1)
    tab.wait_for("() => document.body.dataset.looking === 'true'")
    assert "You look back" in tab.text("#status")
    np.testing.assert_array_equal(tab.pixels("#frame"), enlarged(moment["frame"], 128))
    tab.strike("Escape")
    tab.wait_for_moment(newest)
    assert tab.newest == newest


def test_driving_from_an_earlier_moment_branches_off(tab: Tab) -> None:
    newest = tab.walk(4)["number"]
    tab.look(0.0)
    tab.wait_for("newest => Number(document.getElementById('frame').dataset.number) < newest", newest)
    tab.wait_for("() => document.body.dataset.looking === 'true'")
    earlier = tab.number
    assert tab.newest == newest
    tab.strike("ArrowRight")
    moment = tab.wait_for_moment(earlier + 1)
    assert moment["action"] == 2
    assert tab.newest == earlier + 1
    assert int(tab.page.get_attribute("#time-line", "data-ghost")) >= newest - earlier, "what was left is still drawn"
    tab.wait_for("() => document.body.dataset.looking === 'false'")


def test_a_button_branches_off_too(tab: Tab) -> None:
    newest = tab.walk(3)["number"]
    tab.page.focus("#time-line")
    tab.strike("ArrowLeft")
    tab.wait_for_moment(newest - 1)
    tab.page.click("#branch")
    tab.wait_for("newest => document.getElementById('time-line').ariaValueMax === String(newest - 1)", newest)
    assert tab.page.is_disabled("#branch")


def test_the_walker_takes_over_and_gives_back(tab: Tab) -> None:
    first = tab.number
    tab.strike("m")
    tab.wait_for_moment(first + 3)
    assert tab.is_on("drive-walker")
    tab.strike(" ")
    tab.wait_for("() => document.getElementById('pause').ariaPressed === 'true'")
    number = tab.newest
    tab.strike(".")
    tab.wait_for_moment(number + 1)
    tab.strike("m")
    tab.wait_for("() => document.getElementById('drive-you').ariaPressed === 'true'")


def test_a_seed_is_typed(tab: Tab) -> None:
    first = tab.number
    tab.page.fill("#seed", "4711")
    tab.strike("Enter")
    moment = tab.wait_for_moment(first + 1)
    assert (moment["seed"], moment["step"]) == (4711, 0)
    tab.page.fill("#seed", "a city")
    tab.strike("Enter")
    told = "document.getElementById('seed').validationMessage"
    assert tab.page.evaluate(told) == "a whole number from 0 to 2147483647"
    tab.page.fill("#seed", "3000000000")
    tab.strike("Enter")
    assert tab.page.evaluate(told) != "", "and the connection stands"
    tab.page.fill("#seed", "12")
    tab.strike("Enter")
    tab.wait_for("() => document.getElementById('seed') !== document.activeElement")
    assert tab.wait_for_moment(moment["number"] + 1)["seed"] == 12


def test_the_true_map_can_be_hidden(tab: Tab) -> None:
    tab.walk(1)
    tab.strike("h")
    tab.wait_for("() => document.getElementById('hide-map').ariaPressed === 'true'")
    assert tab.page.get_attribute("#true-map", "aria-label") == "The true map is hidden"
    assert np.ptp(tab.pixels("#true-map").reshape(-1, 3), axis=0).max() < 40, "stripes, and nothing of the map"
    tab.strike("h")
    tab.wait_for("() => document.getElementById('hide-map').ariaPressed === 'false'")


def test_help_names_every_key(tab: Tab) -> None:
    tab.strike("?")
    text = tab.text("#help-sheet")
    for words in ("forward", "blindfold", "new world", "belief state", "simulation core"):
        assert words in text
    tab.strike("Escape")
    assert tab.page.is_hidden("#help-sheet")


def test_futures_are_scrubbed_by_pointing(tab: Tab) -> None:
    moment = tab.walk(1)
    tab.wait_for("number => document.getElementById('films').dataset.number === String(number)", moment["number"])
    box = tab.page.locator("#film-0-3").bounding_box()
    for column in (0, 6, 11):
        tab.page.mouse.move(box["x"] + 34 * column + 16, box["y"] + 16)
        tab.wait_for("step => document.getElementById('films').ariaValueNow === String(step)", column + 1)


def test_futures_are_scrubbed_by_keys(tab: Tab) -> None:
    moment = tab.walk(1)
    tab.wait_for("number => document.getElementById('films').dataset.number === String(number)", moment["number"])
    tab.page.focus("#films")
    tab.strike("Home")
    tab.strike("ArrowRight")
    tab.wait_for("() => document.getElementById('films').ariaValueNow === '2'")
    np.testing.assert_array_equal(
        tab.pixels("#preview .sample canvas >> nth=0"), enlarged(tab.sent["futures"]["samples"][0][0, 1], 64)
    )
    assert tab.newest == moment["number"], "it does not drive"


def test_futures_along_a_held_key(tab: Tab) -> None:
    moment = tab.walk(1)
    tab.page.select_option("#plan", "2")
    tab.wait_for("() => [...document.querySelectorAll('#actions li')].every(each => each.title === 'turn right')")
    assert tab.sent["futures"]["number"] == moment["number"]
    assert tab.sent["futures"]["actions"] == [2] * 12
    tab.page.select_option("#plan", "you")


def test_all_is_reached_by_the_keyboard_and_all_pictures_have_words(tab: Tab) -> None:
    tab.walk(2)
    tab.page.evaluate("document.body.focus()")
    reached = set()
    for _ in range(40):
        tab.strike("Tab")
        reached.add(tab.page.evaluate("document.activeElement.id"))
    wanted = tab.page.evaluate(
        "[...document.querySelectorAll('button:enabled, select, input, [tabindex]')]"
        ".filter(each => each.checkVisibility()).map(each => each.id)"
    )
    assert set(wanted) <= reached
    tab.page.evaluate("document.activeElement.blur()")
    silent = tab.page.evaluate(
        "[...document.querySelectorAll('[role=img]')]"
        ".filter(each => each.checkVisibility() && !each.ariaLabel).map(each => each.id)"
    )
    assert silent == []


@pytest.mark.parametrize("size", [(390, 844), (700, 900), (1024, 768), (1280, 800), (1920, 1080)])
def test_it_fits_the_screen(tab: Tab, size: tuple[int, int]) -> None:
    tab.page.set_viewport_size({"width": size[0], "height": size[1]})
    wide, high = tab.extent
    tab.page.set_viewport_size({"width": 1280, "height": 800})
    assert wide <= size[0]
    assert high <= size[1] or size[0] < 1280


def test_it_fits_where_there_are_wide_letters_alone(tab: Tab) -> None:
    tab.page.evaluate("document.body.style.fontFamily = 'DejaVu Sans, Verdana, sans-serif'")
    assert tab.extent == (1280, 800)
    tab.page.evaluate("document.body.style.fontFamily = ''")


def test_light_and_dark(tab: Tab) -> None:
    assert tab.page.evaluate("document.documentElement.dataset.theme") == "light"
    tab.page.emulate_media(color_scheme="dark")
    tab.wait_for("() => document.documentElement.dataset.theme === 'dark'")
    assert tab.pixels("#status").mean() < 60
    tab.page.emulate_media(color_scheme="light")
