"""The pages that are connected: what each is still to be sent, and what each may ask."""

import asyncio
import time
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from simcore.common.errors import UserError
from simcore.viewer.conductor import Kind
from simcore.viewer.messages import Command, parse_command

MOST_PAGES = 64
"""Pages that may be connected at a time."""
RATE, BURST = 100.0, 200.0
"""Commands a second that a page may send on average, and at once."""
REFUSED, TRY_LATER, NOT_TEXT = 1008, 1013, 1003
"""Codes with which a web socket is closed: a rule was broken, too many are there, or the data are of a wrong kind."""
LONGEST_REASON = 120
"""The most bytes of a reason for closing; the protocol allows 123."""


class Budget:
    """Counts commands against `RATE` and `BURST`."""

    def __init__(self) -> None:
        self._left, self._since = BURST, time.monotonic()

    def spend(self) -> bool:
        """Count one command; return whether it was allowed."""
        now = time.monotonic()
        self._left = min(BURST, self._left + RATE * (now - self._since))
        self._since = now
        self._left -= 1
        return self._left >= 0


class Page:
    """One connected page: the newest view of each kind that it was not sent yet."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.held: int | None = None
        """The action whose key is down there."""
        self._waiting: dict[Kind, bytes] = {}
        self._has_news = asyncio.Event()

    def tell(self, kind: Kind, view: bytes) -> None:
        """Send a view when the page has taken those before it; one of the same kind that still waits is dropped."""
        self._waiting.pop(kind, None)  # so that the order is that of the newest
        self._waiting[kind] = view
        self._has_news.set()

    async def send(self) -> None:
        """Send views for as long as the page is there."""
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            while self._waiting:
                kind = next(iter(self._waiting))
                await self.socket.send_bytes(self._waiting.pop(kind))


class Hub:
    """Takes views to all pages, and their commands to the worker.

    All pages show the same world, and each may drive it.

    Args:
        ask: passes a command on, and returns whether it was taken.
        watch: is called with whether there are pages.
    """

    def __init__(self, ask: Callable[[Command], bool], watch: Callable[[bool], None]) -> None:
        self._ask = ask
        self._watch = watch
        self._pages: set[Page] = set()
        self._newest: dict[Kind, bytes] = {}

    def spread(self, kind: Kind, view: bytes) -> None:
        """Take a view to all pages; called in the server's loop."""
        if kind not in ("history", "beat"):  # the history grows: a page that comes later is sent a new one
            self._newest[kind] = view
        for page in self._pages:
            page.tell(kind, view)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one page until it leaves, or breaks a rule."""
        await socket.accept()
        if len(self._pages) >= MOST_PAGES:
            await socket.close(TRY_LATER, f"{MOST_PAGES} pages are connected; close one of them")
            return
        page = Page(socket)
        for kind, view in self._newest.items():
            page.tell(kind, view)
        self._pages.add(page)
        self._watch(True)
        self._ask(Command("history"))
        sending = asyncio.ensure_future(page.send())
        try:
            await self._listen(page)
        except WebSocketDisconnect:
            pass
        finally:
            self._pages.discard(page)
            self._watch(bool(self._pages))
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)  # it may have met the closed socket first
            if page.held is not None:
                self._ask(Command("release", page.held))

    async def _listen(self, page: Page) -> None:
        """Pass on a page's commands until it leaves; close its socket at the first that is none."""
        budget = Budget()
        while True:
            message = await page.socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if not budget.spend():
                return await _close(page, REFUSED, f"too many commands: at most {RATE:.0f} a second")
            if message.get("text") is None:
                return await _close(page, NOT_TEXT, "commands are text, and this is binary")
            try:
                command = parse_command(message["text"])
            except UserError as error:
                return await _close(page, REFUSED, str(error))
            if command.do in ("press", "release"):
                page.held = command.value if command.do == "press" else None
            self._ask(command)


async def _close(page: Page, code: int, reason: str) -> None:
    await page.socket.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
