"""The guard: only who knows the address comes in, and nobody through another site's page."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from simcore.viewer.guard import HEADERS, Guard

TOKEN = "hA-7_x"
WRONG_PATHS = ["/", "/static/a.js", "//", f"/{TOKEN}", f"/{TOKEN[:-1]}/", f"/{TOKEN}x/", "/ä/", "/%00/"]
OTHER_HOSTS = ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::1", "a b", "@127.0.0.1x"]
OTHER_ORIGINS = ["http://evil.example", "null", "http://127.0.0.1:8766", "http://localhost:8765", ""]


def app(hosts: tuple[str, ...] = ()) -> Guard:
    def say(request: object) -> PlainTextResponse:
        return PlainTextResponse("inside")

    return Guard(Starlette(routes=[Route("/", say), Route("/static/a.js", say)]), TOKEN, hosts)


async def get(path: str, guard: Guard | None = None, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(guard or app())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765") as client:
        return await client.get(path, headers=headers)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", [f"/{TOKEN}/", f"/{TOKEN}/static/a.js"])
async def test_who_knows_the_address_comes_in(path: str) -> None:
    response = await get(path)
    assert (response.status_code, response.text) == (200, "inside")
    assert HEADERS.items() <= dict(response.headers).items()


@pytest.mark.parametrize(
    "path", ["/", "/static/a.js", "//", f"/{TOKEN}", f"/{TOKEN[:-1]}/", f"/{TOKEN}x/", "/ä/", "/%00/"]
)
async def test_nobody_else_does(path: str) -> None:
    response = await get(path)
    assert response.status_code == 404
    assert "whole address" in response.text
    assert "frame-ancestors" in response.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:9999", "[::1]:8765", "192.168.1.7", "LOCALHOST"])
async def test_hosts_that_are_addresses(host: str) -> None:
    assert (await get(f"/{TOKEN}/", host=host)).status_code == 200


@pytest.mark.parametrize("host", OTHER_HOSTS)
async def test_other_names_are_refused(host: str) -> None:
    response = await get(f"/{TOKEN}/", host=host)
    assert response.status_code == 403
    assert "inside" not in response.text


@pytest.mark.parametrize("host", ["box.lan:8765", "box", "BOX.local"])
async def test_this_machines_own_names(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Box.lan")
    assert (await get(f"/{TOKEN}/", app(), host=host)).status_code == 200
    assert (await get(f"/{TOKEN}/", app(), host=f"{host.partition(':')[0]}.evil.example")).status_code == 403


async def test_a_name_that_was_given_is_its_own() -> None:
    assert (await get(f"/{TOKEN}/", app(("Box.lan",)), host="box.lan:80")).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:8766", "http://localhost:8765", "", "http://["]
)
async def test_pages_of_other_origins_are_refused(origin: str) -> None:
    assert (await get(f"/{TOKEN}/", origin=origin)).status_code == 403


async def test_its_own_page_is_not() -> None:
    assert (await get(f"/{TOKEN}/", origin="http://127.0.0.1:8765")).status_code == 200
