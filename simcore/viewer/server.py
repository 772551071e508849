"""The server of the live page: static files, and a web socket, on this machine."""

import asyncio
import contextlib
import errno
import logging
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from simcore.common.errors import UserError
from simcore.common.signals import ASKING, Insistence, heard
from simcore.viewer.conductor import PACE, Kind
from simcore.viewer.guard import Guard
from simcore.viewer.hub import Hub
from simcore.viewer.messages import LARGEST, encode_view
from simcore.viewer.scene import Scene
from simcore.viewer.worker import Worker

STATIC = Path(__file__).parent / "static"
PORT = 8765
"""The port, if it is free and no other was named."""
TRIED = 20
"""Ports that are tried after it."""
DEAF_MS = 30_000
"""Milliseconds after which a page counts as gone that takes nothing of what it is sent, such as one of a computer that
sleeps; else it would have its place, and its world would run, for ever."""
BEAT = 10.0
"""Seconds between two views that say only that the server is there, see connection.js."""
LOCAL = ("127.0.0.1", "::1", "localhost")
"""Hosts that only this machine reaches."""


class LiveServer:
    """Serves one scene to the pages that know its address, until it is stopped.

    Args:
        make_scene: makes the scene, in the worker's thread, while the page already says that it loads.
        describe: returns what pages learn about the scene at first.
        host: the address to listen at.
        port: the port; None: `PORT`, or the next that is free; 0: any.
        pace: steps a second at first, while the walker or the agent drives.
        also: takes all views that pages are sent, in the worker's thread.

    Raises:
        UserError: the port is taken, or the address is none of this machine's.
    """

    def __init__(
        self,
        make_scene: Callable[[], Scene],
        describe: Callable[[Scene], dict[str, Any]],
        host: str = "127.0.0.1",
        port: int | None = None,
        pace: float = PACE,
        also: Callable[[Kind, bytes], None] = lambda kind, view: None,
    ) -> None:
        self._socket = listen(host, port)
        self.token = secrets.token_urlsafe(16)
        self.worker = Worker(make_scene, self._publish, describe, pace)
        self.hub = Hub(self.worker.ask, self.worker.watch)
        self._also = also
        self._loop: asyncio.AbstractEventLoop | None = None
        self.hub.spread("loading", encode_view("loading", {"text": "Loading the belief and compiling the world"}))
        own = [host] if host not in ("0.0.0.0", "::") else []
        routes = [
            Route("/", self._page),
            WebSocketRoute("/live", self.hub.serve),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
        config = uvicorn.Config(
            Guard(Starlette(routes=routes), self.token, own),
            ws="websockets-sansio",
            ws_max_size=LARGEST,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self.port: int = self._socket.getsockname()[1]
        self.address = f"http://{_as_url(host)}:{self.port}/{self.token}/"
        """What to open in a browser."""

    def run(self, begun: Callable[[], None] = lambda: None) -> None:
        """Serve until Ctrl-C, SIGTERM, SIGHUP, SIGUSR1 or `stop`; `begun` is called once pages can be opened.

        Raises:
            BaseException: what ended the worker.
        """
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        insistence = Insistence(lambda: "ended at once")
        with self._socket, heard(ASKING, insistence.hear, lambda _: self.stop()):
            asyncio.run(self._serve(begun))
        if self.worker.failure is not None:
            raise self.worker.failure

    def stop(self) -> None:
        """End `run`; from any thread."""
        self._server.should_exit = True

    async def _serve(self, begun: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.worker.start()
        begun()
        beating = asyncio.ensure_future(self._beat())
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            beating.cancel()
            await asyncio.to_thread(self.worker.stop)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self.hub.spread("beat", encode_view("beat", {}))

    async def _page(self, _: Any) -> Response:
        return FileResponse(STATIC / "index.html")

    def _publish(self, kind: Kind, view: bytes) -> None:
        """Take a view to the pages; called in the worker's thread."""
        self._also(kind, view)
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self.hub.spread, kind, view)
                if kind == "failed":
                    self._loop.call_soon_threadsafe(self._loop.call_later, 0.5, self.stop)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `LiveServer.run`."""
        yield


def listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens at a host; see `LiveServer`.

    Raises:
        UserError: the port is taken, or the address is none of this machine's.
    """
    tried = range(PORT, PORT + TRIED + 1) if port is None else [port]
    failure: OSError | None = None
    for number in tried:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
            listening = socket.socket(family, kind, protocol)
            try:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if hasattr(socket, "TCP_USER_TIMEOUT"):  # on Linux; accepted sockets inherit it
                    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAF_MS)
                listening.bind(place)
                listening.listen()
            except OSError:
                listening.close()
                raise
            return listening
        except (OSError, UnicodeError, OverflowError) as error:
            failure = error if isinstance(error, OSError) else OSError(None, str(error))
            if isinstance(error, socket.gaierror | UnicodeError) or failure.errno == errno.EADDRNOTAVAIL:
                raise UserError(
                    f"cannot listen at {host}: {failure.strerror or failure}; --host takes an address of this machine, "
                    "such as 127.0.0.1, or 0.0.0.0 for all of them"
                ) from failure  # no other port would help
    assert failure is not None
    remedy = "name another by --port, or 0 for any" if port is not None else "name one by --port, or 0 for any"
    raise UserError(f"cannot listen at {host}, port {tried[-1]}: {failure.strerror or failure}; {remedy}") from failure


def _as_url(host: str) -> str:
    """Return a host as addresses of this machine's browser have it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host
