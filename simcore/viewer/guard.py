"""Who may reach the live page: only those who know its address, and no page of another host through their browser."""

import hmac
import ipaddress
import socket
from collections.abc import Collection
from typing import NamedTuple
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


class Refusal(NamedTuple):
    """Why a request does not get through, and the HTTP status that says so."""

    status: int
    why: str


class Guard:
    """Lets a request through if its path begins with the token and its host and origin are this machine's.

    A page of another site can send requests here through a visitor's browser, also under a name of its own that it has
    pointed to this machine (DNS rebinding): so hosts must be numeric addresses, localhost or this machine's own names,
    and a web socket's origin must be its host.

    Args:
        app: what is guarded; it is called without the token in the path.
        token: the first part of all paths.
        hosts: other names by which this machine may be called.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._token = token
        self._hosts = {"localhost", *own_names(), *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        refusal = self._refusal(scope)
        if refusal is None:
            _, _, rest = scope["path"].removeprefix("/").partition("/")
            inner = dict(scope) | {"path": f"/{rest}", "raw_path": f"/{rest}".encode()}
            await self._app(inner, receive, _with_headers(send) if scope["type"] == "http" else send)
        elif scope["type"] == "websocket":
            # before it is accepted: HTTP 403
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.why})
        else:
            await PlainTextResponse(refusal.why, refusal.status)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_own(host):
            return Refusal(403, "this may not be a name of this machine; take its numeric address, such as 192.168.1.7")
        origin = headers.get("origin")
        if origin is not None and _place_of(origin) != host:
            return Refusal(403, "this request comes from a page of another origin")
        token, slash, _ = scope["path"].removeprefix("/").partition("/")
        if not slash or not hmac.compare_digest(token.encode(), self._token.encode()):
            return Refusal(404, "there is nothing here; take the whole address that simcore live has printed")
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


def own_names() -> set[str]:
    """Return the names by which this machine knows itself, without asking a name server, which may take seconds."""
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return {name, short, f"{short}.local"}


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
