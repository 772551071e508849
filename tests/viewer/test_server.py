"""The server: many pages, malformed messages, and an end that leaves nothing behind."""

import contextlib
import json
import queue
import random
import resource
import socket
import string
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from scenes import longer, scene_of
from serving import PATIENCE, serving
from simcore.common.errors import UserError
from simcore.viewer import hub
from simcore.viewer import server as server_module
from simcore.viewer.description import keys_of
from simcore.viewer.messages import LARGEST, decode_view
from simcore.viewer.scene import Scene
from simcore.viewer.server import LiveServer, listen
from simcore.viewer.worker import Worker
from tinier import tinier
from waiting import wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with serving() as server:
        yield server


def page_of(server: LiveServer, **options: Any) -> ClientConnection:
    """Connect as a page does."""
    address = server.address.replace("http", "ws") + "live"
    for _ in range(100):
        with contextlib.suppress(ConnectionRefusedError):
            return connect(address, compression=None, max_size=None, proxy=None, close_timeout=0.1, **options)
        time.sleep(0.05)
    raise AssertionError("the server does not answer")


def opening(server: LiveServer, headers: dict[str, str]) -> bytes:
    """Return the request that opens a page's web socket."""
    lines = {
        "Host": "127.0.0.1",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        **headers,
    }
    named = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"GET /{server.token}/live HTTP/1.1\r\n{named}\r\n".encode()


def views(page: ClientConnection, kind: str) -> Iterator[Any]:
    """Yield the views of a kind that come."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        came, view = decode_view(page.recv(PATIENCE))
        if came == kind:
            yield view
    raise AssertionError(f"no {kind} came")


def ask(page: ClientConnection, do: str, value: Any = None) -> None:
    page.send(json.dumps({"do": do, "value": value}))


def closed(page: ClientConnection) -> tuple[int, str]:
    """Read until the server closes, and return its code and reason."""
    with pytest.raises(ConnectionClosed) as ended:
        for _ in iter(lambda: page.recv(PATIENCE), None):
            pass
    assert ended.value.rcvd is not None
    return ended.value.rcvd.code, ended.value.rcvd.reason


def test_a_page_is_told_what_there_is_and_then_what_happens(server: LiveServer) -> None:
    with page_of(server) as page:
        hello = next(views(page, "hello"))
        assert hello["level"] == "RandomCity"
        assert [action["key"] for action in hello["actions"]][:2] == ["ArrowUp", "ArrowLeft"]
        assert hello["beliefs"][0]["name"] == "one"
        moments = views(page, "moment")
        numbers = [next(moments)["moment"]["number"] for _ in range(4)]
        assert sorted(set(numbers)) == numbers
        ask(page, "history")
        assert len(next(views(page, "history"))["points"]) >= 1


def test_all_pages_see_the_same_world_and_each_may_drive(server: LiveServer) -> None:
    with page_of(server) as one, page_of(server) as other:
        ask(one, "pause", True)
        ask(one, "reset", 77)
        assert any(view["moment"]["seed"] == 77 for view in views(other, "moment"))
        ask(other, "press", 1)
        ask(other, "release", 1)
        assert any(view["moment"]["action"] == 1 for view in views(one, "moment"))
        ask(one, "driver", "walker")
        ask(one, "pause", False)


def test_a_page_that_leaves_lets_go_of_its_key(server: LiveServer) -> None:
    with page_of(server) as other:
        with page_of(server) as page:
            ask(page, "press", 2)
            assert any(view["held"] == 2 for view in views(other, "control"))
        assert any(view["held"] is None for view in views(other, "control"))
        ask(other, "driver", "walker")


def malformed(generator: random.Random) -> str | bytes:
    """Return something that is no command."""
    wrong = [-1, 2**40, 1.5, True, None, [1], {"a": 1}]
    letters = "".join(generator.choices(string.printable + "äß\u2028\x00", k=generator.randrange(60)))
    return generator.choice(
        [
            letters,
            letters.encode(),
            generator.randbytes(generator.randrange(80)),
            "[" * generator.randrange(1, LARGEST),
            json.dumps({"do": letters, "value": letters}),
            json.dumps({"do": "press", "value": generator.choice(wrong)}),
            json.dumps({"do": "pace", "value": generator.choice([0, -1, 1e300, "1", None])}),
            '{"do": "step"} {"do": "step"}',
        ]
    )


def test_ten_thousand_malformed_messages_harm_nothing(server: LiveServer) -> None:
    generator = random.Random(0)
    with page_of(server) as witness:
        ask(witness, "driver", "walker")
        sent = 0
        while sent < 10_000:
            with contextlib.suppress(ConnectionClosed), page_of(server) as page:
                for _ in range(40):  # all but the first arrive at a socket that closes
                    page.send(malformed(generator))
                    sent += 1
        with page_of(server) as page:
            assert next(views(page, "moment"))["moment"]["number"] > 0
        moments = views(witness, "moment")
        first = next(moments)["moment"]["number"]
        assert any(view["moment"]["number"] > first for view in moments)


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ("hello", 1008, "this is no JSON"),
        (b"\x00", 1003, "binary"),
        ('{"do": "dance"}', 1008, "there is no command 'dance'"),
        ('{"do": "press", "value": "%s"}' % ("é" * 200), 1008, "press takes a whole number from 0"),
        ("x" * (LARGEST + 1), 1009, ""),
        ('{"do": "pace", "value": 1%s}' % ("0" * 400), 1008, "pace takes a number of steps a second"),
    ],
)
def test_a_malformed_message_closes_the_socket_with_a_reason(
    server: LiveServer, message: str | bytes, code: int, reason: str
) -> None:
    with page_of(server) as page:
        page.send(message)
        told, why = closed(page)
    assert told == code
    assert reason in why


def test_too_many_commands_close_the_socket(server: LiveServer) -> None:
    with page_of(server) as page:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(400):
                ask(page, "history")
        code, reason = closed(page)
    assert code == 1008
    assert "100 a second" in reason


def test_fifty_pages_all_follow(server: LiveServer) -> None:
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(page_of(server)) for _ in range(50)]
        ask(pages[0], "pace", 5)
        ask(pages[0], "sharp", False)
        for page in pages:
            moments = views(page, "moment")
            first = next(moments)["moment"]["number"]
            assert any(view["moment"]["number"] > first for view in moments)


def test_one_page_too_many_is_told_so(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MOST_PAGES", 1)
    with page_of(server), page_of(server) as page:
        code, reason = closed(page)
    assert code == 1013
    assert "close one" in reason


def test_a_page_that_does_not_read_holds_nothing_up_and_fills_no_memory(server: LiveServer) -> None:
    with page_of(server, max_queue=1) as idle, page_of(server) as page:
        ask(page, "pace", 60)
        ask(page, "sharp", True)
        moments = views(page, "moment")
        first = next(moments)["moment"]["number"]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert any(view["moment"]["number"] > first + 60 for view in moments)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # KiB; 60 moments alone are 12 MB
        assert decode_view(idle.recv(PATIENCE))


def test_a_page_that_takes_nothing_for_long_counts_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "DEAF_MS", 300)
    with serving(pace=60.0) as server:
        with page_of(server) as page:
            ask(page, "sharp", True)  # 200 kB a view, which soon fill what the system holds back for a page
            next(views(page, "moment"))
        with socket.create_connection(("127.0.0.1", server.port)) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(opening(server, {}))
            while deaf.recv(1) != b"{":  # of the first view, after the answer's headers: it is one of the pages
                pass
            wait_until(lambda: not server.hub._pages)


def test_a_page_hears_regularly_that_the_server_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "BEAT", 0.02)
    with serving() as server, page_of(server) as page:
        next(views(page, "beat"))
        next(views(page, "beat"))
        assert "beat" not in server.hub._newest


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_sockets_of_other_sites_are_refused(server: LiveServer, headers: dict[str, str]) -> None:
    with page_of(server):  # it answers
        pass
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        plain.sendall(opening(server, headers))
        assert b" 403 " in plain.recv(1000)


def test_a_socket_without_the_token_is_refused(server: LiveServer) -> None:
    with page_of(server):
        pass
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://127.0.0.1:{server.port}/wrong/live", proxy=None)


def test_what_fails_is_told_to_the_pages_and_ends_the_server() -> None:
    asked = threading.Event()

    def fail() -> Scene:
        asked.wait(PATIENCE)
        raise UserError("there is no such world")

    with serving(fail) as server, page_of(server) as page:
        assert "compiling" in next(views(page, "loading"))["text"]
        asked.set()
        assert next(views(page, "failed"))["text"] == "there is no such world"
        closed(page)
    assert isinstance(server.worker.failure, UserError)


def test_it_ends_with_pages_connected_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    with serving() as server, page_of(server) as page:
        next(views(page, "moment"))
        server.stop()
        closed(page)
    assert [thread for thread in set(threading.enumerate()) - before if thread.name in ("live", "server")] == []


def test_a_port_that_is_taken() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port}: .*; name another by --port, or 0"):
            listen("127.0.0.1", port)


def test_without_a_port_the_next_free_one_is_taken() -> None:
    with listen("127.0.0.1", None) as one, listen("127.0.0.1", None) as other:
        assert one.getsockname()[1] != other.getsockname()[1]


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host", "a" * 300, "\udcff"])
def test_an_address_of_another_machine(host: str) -> None:
    with pytest.raises(UserError, match="cannot listen at"):
        listen(host, 0)


def test_keys() -> None:
    assert keys_of(["forward", "turn_left", "jump", "look_up"]) == ["ArrowUp", "ArrowLeft", "j", "PageUp"]
    assert keys_of(["left", "right", "forward", "pickup", "drop"]) == ["ArrowLeft", "ArrowRight", "ArrowUp", "1", "2"]
    assert keys_of(["up", "forward"]) == ["ArrowUp", "1"]
    assert keys_of([f"a{i}" for i in range(12)])[-3:] == ["0", "", ""]


def test_time_stands_still_while_nobody_watches() -> None:
    told: queue.Queue[str] = queue.Queue()
    worker = Worker(lambda: scene_of(longer(tinier())), lambda kind, view: told.put(kind), lambda scene: {}, pace=60.0)
    worker.start()
    begun = [told.get(timeout=PATIENCE) for _ in range(5)]
    assert begun == ["hello", "history", "control", "moment", "futures"]
    with pytest.raises(queue.Empty):
        told.get(timeout=0.2)
    worker.watch(True)
    assert told.get(timeout=PATIENCE) == "moment"
    worker.stop()
