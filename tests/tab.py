"""The live page in a browser, for tests."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serving import PATIENCE
from simcore.viewer.messages import decode_view
from simcore.viewer.server import LiveServer

Pixels = NDArray[np.uint8]

PACE = 2.0
"""Steps a second: so few that a key that is struck is up again before a second step, however busy the machine is."""


class Tab:
    """The page in a browser, and what the server has sent it."""

    def __init__(
        self, browser: Any, server: LiveServer, state: str = "live", prepare: Callable[[Any], None] = lambda page: None
    ) -> None:
        self.problems: list[str] = []
        self.sent: dict[str, Any] = {}
        self.moments: dict[int, Any] = {}
        self.page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        self.page.set_default_timeout(1000 * PATIENCE)
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._take))
        prepare(self.page)
        self.page.goto(server.address)
        self.wait_for("state => document.body.dataset.state === state", state)

    def _take(self, data: bytes) -> None:
        kind, view = decode_view(data)
        self.sent[kind] = view
        if kind == "moment":
            self.moments[view["moment"]["number"]] = view

    def wait_for(self, condition: str, argument: Any = None) -> None:
        self.page.wait_for_function(condition, arg=argument)

    def wait_for_moment(self, number: int) -> Any:
        """Wait until a moment is drawn, and return it as it was sent."""
        self.wait_for("number => document.getElementById('frame').dataset.number === String(number)", number)
        return self.moments[number]["moment"]

    @property
    def number(self) -> int:
        """The number of the moment that is drawn."""
        return int(self.page.get_attribute("#frame", "data-number"))

    @property
    def newest(self) -> int:
        """The number of the newest moment on the time line."""
        return int(self.page.get_attribute("#time-line", "aria-valuemax"))

    def is_on(self, button: str) -> bool:
        return bool(self.page.get_attribute(f"#{button}", "aria-pressed") == "true")

    def strike(self, key: str) -> None:
        self.page.keyboard.press(key)

    def begin(self) -> Any:
        """Begin a new world in which nobody drives, and return its first moment."""
        self.page.evaluate("document.activeElement.blur()")
        if not self.is_on("drive-you"):
            self.page.click("#drive-you")
            self.wait_for("() => document.getElementById('drive-you').ariaPressed === 'true'")
        number = self.newest + 1
        self.strike("r")
        return self.wait_for_moment(number)

    def walk(self, steps: int, key: str = "ArrowUp") -> Any:
        """Strike a key so often, each time after the step before it, and return the last moment."""
        for _ in range(steps):
            number = self.newest + 1
            self.strike(key)
            moment = self.wait_for_moment(number)
        return moment

    def look(self, share: float) -> None:
        """Point at a place of the time line, as a part of its width."""
        box = self.page.locator("#time-line").bounding_box()
        self.page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)

    @property
    def extent(self) -> tuple[int, int]:
        """The width and height that the page would take without scrolling."""
        self.wait_until_drawn()
        wide, high = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        return wide, high

    def wait_until_drawn(self) -> None:
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def pixels(self, selector: str) -> Pixels:
        """Return what an element looks like in a screenshot of the page."""
        self.wait_until_drawn()
        box = self.page.locator(selector).bounding_box()
        picture = np.asarray(Image.open(io.BytesIO(self.page.screenshot())).convert("RGB"))
        top, left = round(box["y"]), round(box["x"])
        return picture[top : top + round(box["height"]), left : left + round(box["width"])]

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))


def enlarged(frame: Pixels, side: int) -> Pixels:
    """Return a frame as squares of pixels."""
    scale = side // frame.shape[0]
    return frame.repeat(scale, axis=0).repeat(scale, axis=1)
