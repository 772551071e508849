import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from simcore.runs import graceful_interrupt, interrupt

LOOP = """
import runpy, signal, sys, time
# The file by itself, since the package around it takes seconds to import.
graceful_interrupt = runpy.run_path(sys.argv[2])["graceful_interrupt"]
# A parent that ignores SIGINT, as a shell does for background jobs, would hand that down.
signal.signal(signal.SIGINT, signal.default_int_handler)
with graceful_interrupt() as stop:
    print("ready", flush=True)
    while not stop.requested:
        time.sleep(0.01)
    print("finishing the update", flush=True)
    if sys.argv[1] == "long":
        time.sleep(600)
print("saved", flush=True)
"""


@pytest.fixture(autouse=True)
def default_handlers() -> Iterator[None]:
    """Give each test the handlers that Python starts with, whatever started the tests."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def start(length: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP, length, interrupt.__file__],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_lets_the_update_end(number: signal.Signals) -> None:
    process = start("short")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("finishing the update\nsaved\n", "", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(number: signal.Signals) -> None:
    process = start("long")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "finishing the update\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert "saved" not in out
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert process.returncode != 0


def test_nothing_is_requested_without_a_signal_and_the_handlers_come_back() -> None:
    with graceful_interrupt() as stop:
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert not stop.requested
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_handlers_come_back_after_a_second_signal() -> None:
    def loop() -> None:
        with graceful_interrupt():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        loop()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requested = []
    with graceful_interrupt() as stop:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
            requested.append(stop.requested)
    assert requested == [False, True]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_are_left_alone() -> None:
    requested = []

    def loop() -> None:
        with graceful_interrupt() as stop:
            requested.append(stop.requested)

    thread = threading.Thread(target=loop)
    thread.start()
    thread.join()
    assert requested == [False]
