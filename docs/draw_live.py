"""Draw the pictures of docs/live.md: the live page in a browser, a minute of it.

    python docs/draw_live.py docs/live

It needs Playwright and a Chromium, as the tests of the page do.
"""

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from chromium import FLAGS, find_chromium  # noqa: E402
from simcore.analysis.loading import load  # noqa: E402
from simcore.viewer.description import describe  # noqa: E402
from simcore.viewer.scene import Scene  # noqa: E402
from simcore.viewer.server import LiveServer  # noqa: E402

SEED = 4


def main() -> None:
    """Draw all pictures into a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))

        def page_of(server: LiveServer, scheme: Any = "light") -> Page:
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
            page.goto(server.address)
            page.wait_for_function("() => document.body.dataset.state === 'live'")
            return page

        with serving("random-city") as server:
            draw_a_minute(page_of(server), folder)
        with serving("random-city", "random-city-slots") as server:
            draw_after(page_of(server, "dark"), 36, folder / "two-beliefs.png")
        with serving("food") as server:
            draw_after(page_of(server), 12, folder / "food.png")
        browser.close()


def draw_a_minute(page: Page, folder: Path) -> None:
    """Draw what a first-time visitor of the demo sees."""

    def take(name: str) -> None:
        page.wait_for_timeout(1500)  # imagined futures come after the moment
        page.screenshot(path=folder / f"{name}.png")

    page.keyboard.press("Space")
    begin(page, SEED)
    page.keyboard.press("ArrowUp")
    take("1-first-frames")
    walk(page, 29)
    take("2-the-map-forms")
    page.keyboard.press("b")
    walk(page, 8)
    take("3-blindfolded")
    page.keyboard.press("b")
    walk(page, 4)
    take("4-seeing-again")
    box = page.locator("#time-line").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.13 * box["width"], box["y"] + box["height"] / 2)
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    take("5-another-way")
    page.keyboard.press("?")
    take("6-help")


def draw_after(page: Page, steps: int, file: Path) -> None:
    """Draw the page after some steps of the current driver."""
    page.keyboard.press("Space")
    begin(page, SEED)
    walk(page, steps)
    page.wait_for_timeout(1500)
    page.screenshot(path=file)


def begin(page: Page, seed: int) -> None:
    """Begin in the world of a seed."""
    page.fill("#seed", str(seed))
    page.press("#seed", "Enter")
    page.wait_for_timeout(500)
    page.evaluate("document.activeElement.blur()")
    if page.get_attribute("#drive-you", "aria-pressed") == "true":
        page.keyboard.press("m")
        page.wait_for_timeout(300)


def walk(page: Page, steps: int) -> None:
    """Let the current driver take steps, one after another."""
    if page.get_attribute("#drive-you", "aria-pressed") == "true":
        page.keyboard.press("m")
        page.keyboard.press("Space")
        page.wait_for_timeout(300)
    number = "() => Number(document.getElementById('frame').dataset.number)"
    for _ in range(steps):
        before = page.evaluate(number)
        page.keyboard.press(".")
        page.wait_for_function(f"before => ({number})() > before", arg=before)


@contextmanager
def serving(*names: str) -> Iterator[LiveServer]:
    """Serve shipped beliefs in a thread, in episodes of 200 steps."""

    def make_scene() -> Scene:
        return Scene([load(name).in_worlds(world={"episode_length": 200}) for name in names])

    server = LiveServer(make_scene, lambda scene: describe(scene, names), port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


if __name__ == "__main__":
    main()
