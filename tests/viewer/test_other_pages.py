"""The live page in a real browser, of other runs and worlds, where something fails, and for a long time."""

import gc
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scenes import longer, scene_of
from serving import PATIENCE, resident, serving
from simcore.common.errors import UserError
from simcore.viewer.scene import Scene
from simcore.worlds.gym import GymConfig
from tab import PACE, Tab, enlarged
from tinier import tinier, tinier_acting


def test_two_beliefs_in_the_same_world(browser: Any) -> None:
    configs = [longer(tinier(core=core)) for core in ("lstm", "slots")]
    with serving(lambda: scene_of(*configs), PACE) as server:
        tab = Tab(browser, server)
        tab.begin()
        moment = tab.walk(3)
        for number, belief in enumerate(moment["beliefs"]):
            np.testing.assert_array_equal(tab.pixels(f"#expected-{number}"), enlarged(belief["expected"], 80))
            assert tab.page.is_visible(f"#believed-map-{number}")
            assert tab.page.is_visible(f"#rose-{number}")
        assert tab.page.locator("#numbers thead th").all_inner_texts() == ["●LSTM", "▲slots"]
        assert tab.extent == (1280, 800)
        assert tab.problems == []
        tab.page.close()


def test_what_a_run_has_not_is_left_out(browser: Any) -> None:
    with serving(lambda: scene_of(longer(tinier(frame_model="contrastive"))), PACE) as server:
        tab = Tab(browser, server)
        tab.begin()
        tab.walk(1)
        for part in ("#futures", "#blindfold", "#surprise"):
            assert tab.page.is_hidden(part)
        assert tab.page.is_visible("#believed-map-0")
        assert tab.problems == []
        tab.page.close()


def test_a_foreign_world_has_no_map_and_a_table_of_what_probes_read(browser: Any) -> None:
    world = GymConfig(frame_size=8, targets=("direction=class:4",))
    config = replace(tinier_acting(), level="MiniGrid-Empty-5x5-v0", world=world)
    with serving(lambda: scene_of(config), PACE) as server:
        tab = Tab(browser, server)
        tab.begin()
        moment = tab.walk(1)
        for part in ("#maps", "#sharp", "#branch"):
            assert tab.page.is_hidden(part)
        reading = moment["beliefs"][0]["others"][0]
        assert tab.text("#readings-table").split()[2:5] == ["direction", str(reading["true"]), str(reading["believed"])]
        assert tab.problems == []
        tab.page.close()


def test_a_socket_that_closes_is_opened_again(browser: Any) -> None:
    sockets: list[Any] = []

    def route(socket: Any) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    with serving(pace=PACE) as server:
        tab = Tab(browser, server, prepare=lambda page: page.route_web_socket("**/live", route))
        sockets[0].close(code=1013, reason="64 pages are connected; close one of them")
        tab.wait_for("() => document.body.dataset.state === 'lost'")
        assert "64 pages are connected; close one of them. Trying again in 1 s" in tab.text("#curtain-text")
        tab.wait_for("() => document.body.dataset.state === 'live'")
        assert len(sockets) == 2
        tab.page.close()


def test_a_server_that_falls_silent_is_left_and_found_again(browser: Any) -> None:
    """As through a tunnel that hangs: no socket is closed. The focus is where it was, and what happens is an alert."""
    with serving() as server:
        tab = Tab(browser, server)
        tab.page.click("#pause")
        tab.wait_for("() => document.querySelector('#pause').ariaPressed === 'true'")
        tab.page.focus("#blindfold")
        # Time flies, between two beats too.
        tab.page.evaluate("const now = performance.now.bind(performance); performance.now = () => 8 * now(); 0")
        tab.wait_for("() => document.body.dataset.state === 'lost'")
        assert "the server has been silent for long" in tab.text("#curtain")
        assert tab.page.get_attribute("#curtain", "role") == "alert"
        tab.wait_for("() => document.body.dataset.state === 'live'")
        assert tab.page.evaluate("document.activeElement.id") == "blindfold"
        assert tab.problems == []
        tab.page.close()


def test_letters_are_those_of_their_place_on_a_keyboard_of_another_script(browser: Any) -> None:
    with serving(pace=PACE) as server:
        tab = Tab(browser, server)
        for kind in ("keydown", "keyup"):
            told = "{key: 'и', code: 'KeyB', bubbles: true}"
            tab.page.evaluate(f"document.body.dispatchEvent(new KeyboardEvent('{kind}', {told}))")
        tab.wait_for("() => document.querySelector('#blindfold').ariaPressed === 'true'")
        tab.page.close()


def test_a_lost_connection_is_said(browser: Any) -> None:
    with serving(pace=PACE) as server:
        tab = Tab(browser, server)
    tab.wait_for("() => document.body.dataset.state === 'lost'")
    assert "start it again" in tab.text("#curtain")
    tab.page.close()


def test_a_failure_is_said(browser: Any) -> None:
    asked = threading.Event()

    def fail() -> Scene:
        asked.wait(PATIENCE)
        raise UserError("there is no such world")

    with serving(fail) as server:
        tab = Tab(browser, server, state="loading")
        asked.set()
        tab.wait_for("() => document.body.dataset.state === 'failed'")
        assert tab.text("#curtain-text") == "there is no such world"
        tab.page.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_minutes_of_driving_take_no_more_memory(browser: Any) -> None:
    """By keys and by the walker, blindfolded and not, with looks back: 12,000 steps are asked for."""
    config = longer(tinier(), 300)
    with serving(lambda: scene_of(config, longer(tinier(core="slots"), 300)), pace=20.0) as server:
        tab = Tab(browser, server)
        session = tab.page.context.new_cdp_session(tab.page)
        sizes, moments = [], 0
        for minute in range(10):
            end = time.monotonic() + 60
            while time.monotonic() < end:
                tab.strike("b")
                tab.page.wait_for_timeout(2000)
                tab.strike("ArrowUp")
                tab.look(0.5)
                tab.page.wait_for_timeout(500)
                tab.strike("Escape")
                tab.strike("m")
                tab.page.wait_for_timeout(6000)
            session.send("HeapProfiler.collectGarbage")
            heap = tab.page.evaluate("performance.memory.usedJSHeapSize")
            moments += len(tab.moments)
            tab.moments.clear()
            gc.collect()
            sizes.append((heap, resident()))
            told = f"page {heap / 2**20:.1f} MiB, server and test {sizes[-1][1] / 2**20:.1f} MiB"
            print(f"minute {minute + 1}: {moments} moments, {told}")
        assert moments > 3000
        for early, late in zip(sizes[2], sizes[-1], strict=True):
            assert late < 1.05 * early + 2**22
        assert tab.problems == []
        tab.page.close()
