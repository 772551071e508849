"""Who may reach the live page: only those who know its address, and no page of another host through their browser."""

import hmac
import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of all answers: the page loads nothing from elsewhere, is framed by nobody, and tells nobody its address."""


class Guard:
    """Lets a request through if its path begins with the token and its host and origin are this machine's.

    A page of another site can send requests here through a visitor's browser, also under a name of its own that it has
    pointed to this machine (DNS rebinding): so hosts must be addresses, localhost or this machine's own name, and a web
    socket's origin must be its host.

    Args:
        app: what is guarded; it is called without the token in the path.
        token: the first part of all paths.
        hosts: other names by which this machine may be called.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._token = token
        self._hosts = {"localhost", socket.gethostname().lower(), *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        why = self._why_not(scope)
        if why is None:
            _, _, rest = scope["path"].removeprefix("/").partition("/")
            inner = dict(scope) | {"path": f"/{rest}", "raw_path": f"/{rest}".encode()}
            await self._app(inner, receive, _with_headers(send) if scope["type"] == "http" else send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": why})  # before it is accepted: HTTP 403
        else:
            await PlainTextResponse(why, 404 if "address" in why else 403)(scope, receive, _with_headers(send))

    def _why_not(self, scope: Scope) -> str | None:
        """Return why a request is refused; None if it is not."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_own(host):
            return "this host name is not this machine's"
        origin = headers.get("origin")
        if origin is not None and _place_of(origin) != host:
            return "this request comes from a page of another origin"
        token, slash, _ = scope["path"].removeprefix("/").partition("/")
        if not slash or not hmac.compare_digest(token.encode(), self._token.encode()):
            return "there is nothing here; take the whole address that simcore live has printed"
        return None

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _place_of(origin: str) -> str | None:
    """Return the host and port of an origin; None if it is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return sent
