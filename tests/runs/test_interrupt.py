import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from simcore.common.watchdog import StoppedWaiting, Watch
from simcore.runs import graceful_interrupt, interrupt
from waiting import PATIENCE

LOOP = """
import runpy, signal, sys, time
# The file by itself, since the package around it takes seconds to import.
graceful_interrupt = runpy.run_path(sys.argv[2])["graceful_interrupt"]
# A parent that ignores SIGINT, as a shell does for background jobs, would hand that down.
signal.signal(signal.SIGINT, signal.default_int_handler)
with graceful_interrupt("Stopping after this update", lambda: "ended at once") as stop:
    print("ready", flush=True)
    if sys.argv[1] == "compiled":
        import ctypes
        mutex, lock = ctypes.create_string_buffer(64), ctypes.CDLL(None).pthread_mutex_lock
        while True:  # a lock that is never released, which no signal interrupts
            lock(mutex)
    while not stop.requested:
        time.sleep(0.01)
    print("finishing the update", flush=True)
    if sys.argv[1] == "long":
        while True:
            time.sleep(600)
print("saved", flush=True)
"""
ASKED = "Stopping after this update\n"
INSISTED = "Stopping; once more ends at once\n"


@pytest.fixture(autouse=True)
def default_handlers() -> Iterator[None]:
    """Give each test the handlers that Python starts with, whatever started the tests."""
    before = {number: signal.getsignal(number) for number in interrupt.ASKING}
    for number in interrupt.ASKING:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
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


def said(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


@pytest.mark.parametrize("number", interrupt.ASKING)
def test_a_first_signal_lets_the_update_end(number: signal.Signals) -> None:
    process = start("short")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert (out, err, process.returncode) == ("finishing the update\nsaved\n", ASKED, 0)


@pytest.mark.parametrize("length", ["long", "compiled"])
def test_a_second_signal_warns_and_a_third_ends_it_at_once(length: str) -> None:
    process = start(length)
    process.send_signal(signal.SIGINT)
    assert said(process) == ASKED
    process.send_signal(signal.SIGTERM)
    assert said(process) == INSISTED
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert "saved" not in out
    assert (err, process.returncode) == ("simcore: ended at once\n", 130)


def test_a_hang_up_and_a_warning_only_ask_however_often_they_come() -> None:
    process = start("long")
    process.send_signal(signal.SIGHUP)
    assert said(process) == ASKED
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
        process.send_signal(number)
    assert said(process) == INSISTED
    assert process.poll() is None
    process.kill()
    process.communicate(timeout=PATIENCE)


def test_nothing_is_requested_without_a_signal_and_the_handlers_come_back() -> None:
    with graceful_interrupt() as stop:
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert not stop.requested
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.set_wakeup_fd(-1) == -1
    assert "signals" not in {thread.name for thread in threading.enumerate()}


def test_in_a_program_that_is_not_ours_a_third_signal_raises_and_the_handlers_come_back() -> None:
    requested = []

    def loop() -> None:
        with graceful_interrupt() as stop:
            for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
                os.kill(os.getpid(), number)
                requested.append(stop.requested)

    with pytest.raises(KeyboardInterrupt):
        loop()
    assert requested == [True, True]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("ignored", [signal.SIGINT, signal.SIGHUP])
def test_an_ignored_signal_stays_ignored(ignored: signal.Signals) -> None:
    """A shell starts background jobs with SIGINT ignored, `nohup` its command with SIGHUP ignored."""
    signal.signal(ignored, signal.SIG_IGN)
    requested = []
    with graceful_interrupt() as stop:
        for number in (ignored, signal.SIGTERM):
            os.kill(os.getpid(), number)
            requested.append(stop.requested)
    assert requested == [False, True]
    assert signal.getsignal(ignored) is signal.SIG_IGN


def test_a_signal_ends_the_wait_for_what_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    told = threading.Event()
    handler = logging.Handler()
    handler.emit = lambda record: told.set()  # type: ignore[method-assign]
    logging.getLogger("simcore.common.watchdog").addHandler(handler)
    watch = Watch(lambda: "the door has not answered", patience=0.02)

    def wait() -> None:
        with watch:
            assert told.wait(PATIENCE)
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("it waits on")

    with graceful_interrupt() as stop:
        with pytest.raises(StoppedWaiting):
            wait()
        assert stop.requested
        os.kill(os.getpid(), signal.SIGTERM)  # while it waits for nothing
    logging.getLogger("simcore.common.watchdog").removeHandler(handler)
    assert re.match(r"the door has not answered for \d+ s, since \d\d:", caplog.messages[0])


def test_other_threads_are_left_alone() -> None:
    requested = []

    def loop() -> None:
        with graceful_interrupt() as stop:
            requested.append(stop.requested)

    thread = threading.Thread(target=loop)
    thread.start()
    thread.join()
    assert requested == [False]
