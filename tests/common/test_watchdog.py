import threading
import time

import pytest

from simcore.common.watchdog import GIVE_UP, Watch, _watchdog
from waiting import PATIENCE, wait_until


def test_what_does_not_answer_is_named_ever_more_rarely_and_then_given_up(caplog: pytest.LogCaptureFixture) -> None:
    given_up: list[str] = []
    done = threading.Event()

    def give_up(what: str) -> None:
        given_up.append(what)
        done.set()

    patience = 0.05
    watch = Watch(lambda: "the door has not answered", patience, give_up)
    begin = time.monotonic()
    with watch:
        assert done.wait(PATIENCE)
        assert watch.is_silent_here
    assert time.monotonic() - begin > GIVE_UP * patience
    assert watch.waited == 0
    assert len(given_up) == 1
    assert all(line.startswith("the door has not answered for ") for line in (*caplog.messages, *given_up))
    assert 1 <= len(caplog.messages) <= 4, "at 1, 2, 4 and 8 times the patience"


def test_what_answers_in_time_is_not_named_and_other_threads_are_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(lambda: "the door has not answered", 60.0)
    for _ in range(3):
        with watch:
            pass
    assert not caplog.messages
    short = Watch(None, 1e-6)
    seen: list[bool] = []
    with short:
        thread = threading.Thread(target=lambda: seen.append(short.is_silent_here))
        thread.start()
        thread.join()
        seen.append(short.is_silent_here)
    assert seen == [False, True]


def test_an_impatient_watch_hurries_the_watchdog_only_while_it_is_there() -> None:
    before = _watchdog.pause()
    watch = Watch(None, 1e-6)
    assert _watchdog.pause() == 0.25e-6
    del watch
    wait_until(lambda: _watchdog.pause() >= before)
