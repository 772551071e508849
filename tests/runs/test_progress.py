import io
import re
import time

import pytest
from rich.console import Console

from simcore.runs import ACTING, Progress

METRICS = {
    "frames_per_second": 1.0,
    "frame_model/loss": -0.0123456,
    "frame_model/kl": 1.2345e-5,
    "frame_model/error": 0.00123,
    "frame_model/lambda": 500.0,
    "probes/map_mse": 0.0345,
    "probes/cell_accuracy": 0.1234,
    "probes/heading_accuracy": 1.0,
    "grad_norm": 1234.4,
    "something_else": 4711.0,
}

PANEL_OF_80_COLUMNS = """\
╭─ SimCore ────────────────────────────────────────────────────────────────────╮
│ update   1,300 / 100,000  ╸                                            1.3 % │
│                                                                              │
│ frames     2,080,000         loss    -0.01235        map MSE         0.03450 │
│ frames/s       3,200         KL     1.234e-05        cell acc.        12.3 % │
│ elapsed      0:02:30         error   0.001230        heading acc.    100.0 % │
│ left        13:42:30         λ          500.0        grad norm          1234 │
╰──────────────────────────────────────────────────────────────────────────────╯
"""


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("simcore.runs.progress.monotonic", clock)
    return clock


def screen(width: int, file: io.StringIO | None = None) -> Console:
    return Console(file=file or io.StringIO(), width=width, force_terminal=True, color_system=None)


def log() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=80, force_terminal=False), file


def drawn(progress: Progress, width: int) -> str:
    file = io.StringIO()
    screen(width, file).print(progress)
    return file.getvalue()


def advance(progress: Progress, clock: Clock, updates: range, seconds: float) -> None:
    for update in updates:
        clock.now += seconds
        progress.show(update, METRICS)


def test_the_panel_as_a_whole(clock: Clock) -> None:
    progress = Progress(100_000, frames_per_update=1600, start_update=1000, console=screen(80))
    advance(progress, clock, range(1001, 1301), seconds=0.5)
    assert drawn(progress, 80) == PANEL_OF_80_COLUMNS


@pytest.mark.parametrize("width", [40, 60, 75, 76, 80, 100, 120, 200])
def test_nothing_is_cut_off_and_nothing_moves(clock: Clock, width: int) -> None:
    progress = Progress(100_000, 1600, console=screen(width))
    before = drawn(progress, width)
    advance(progress, clock, range(1, 200), seconds=0.5)
    after = drawn(progress, width)
    assert "…" not in after
    for text in ("-0.01235", "1.234e-05", "0.001230", "500.0", "0.03450", "12.3 %", "100.0 %", "1234"):
        assert text in after
    # Each name stands where it stood before there were numbers, and all lines are equally long.
    places = [[(match[0], match.start()) for match in re.finditer("[a-zλ]{2,}", text)] for text in (before, after)]
    assert places[0] == places[1]
    assert {len(line) for line in after.splitlines()} == {min(width, 100)}


def test_the_speed_is_that_of_the_recent_past(clock: Clock) -> None:
    progress = Progress(10_000, 10, console=screen(80))
    advance(progress, clock, range(1, 11), seconds=100.0)
    assert re.search(r"frames/s +0 ", drawn(progress, 80))
    advance(progress, clock, range(11, 1011), seconds=0.1)
    assert re.search(r"frames/s +100 ", drawn(progress, 80))
    assert re.search(r"left +0:14:59 ", drawn(progress, 80))
    assert re.search(r"elapsed +0:18:20 ", drawn(progress, 80))


def test_a_missing_metric_keeps_its_last_value_and_one_without_a_value_has_none(clock: Clock) -> None:
    progress = Progress(10, 10, console=screen(80))
    progress.show(1, {"frame_model/loss": 2.0, "frame_model/kl": 3.0})
    progress.show(2, {"frame_model/kl": float("nan")})
    assert re.search(r"loss +2\.000 ", drawn(progress, 80))
    assert re.search(r"KL +- ", drawn(progress, 80))
    assert re.search(r"error +- ", drawn(progress, 80))


def test_a_run_in_which_the_agent_acts_shows_its_episodes(clock: Clock) -> None:
    progress = Progress(10, 10, console=screen(80), shown=ACTING)
    progress.show(1, {"return": float("nan"), "food": float("nan"), "length": float("nan"), "acting/entropy": 1.5})
    assert re.search(r"return +- ", drawn(progress, 80)), "no episode has ended yet"
    progress.show(2, {"return": 3.25, "food": 0.65, "length": 80.0, "frame_model/error": 0.01})
    text = drawn(progress, 80)
    for shown in (
        r"return +3\.250 ",
        r"food eaten +65\.0 %",
        r"length +80\.00 ",
        r"entropy +1\.500 ",
        r"error +0\.01000 ",
    ):
        assert re.search(shown, text), shown
    assert "grad norm" not in text


def test_a_terminal_ends_with_the_last_state() -> None:
    file = io.StringIO()
    with Progress(5, 10, console=screen(80, file)) as progress:
        for update in range(1, 6):
            progress.show(update, METRICS)
    assert "update 5 / 5" in file.getvalue().split("SimCore")[-1]
    assert file.getvalue().endswith("\n\x1b[?25h")  # the cursor is shown again, below the panel


def test_an_exception_passes_and_the_panel_stays() -> None:
    file = io.StringIO()

    def loop() -> None:
        with Progress(5, 10, console=screen(80, file)) as progress:
            progress.show(3, METRICS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop()
    assert "update 3 / 5" in file.getvalue().split("SimCore")[-1]
    assert file.getvalue().endswith("\x1b[?25h")


def test_a_log_gets_a_plain_line_now_and_then_and_one_at_the_end(clock: Clock) -> None:
    console, file = log()
    with Progress(1000, 160, start_update=100, console=console, line_seconds=10.0) as progress:
        advance(progress, clock, range(101, 126), seconds=1.0)
    lines = file.getvalue().splitlines()
    assert [int(line.split()[1]) for line in lines] == [101, 111, 121, 125]
    assert lines[-1] == (
        "update   125 / 1,000 (12.5 %)  frames 20,000  frames/s 160  elapsed 0:00:25  left 0:14:35  "
        "loss -0.01235  KL 1.234e-05  error 0.001230  λ 500.0  "
        "map MSE 0.03450  cell acc. 12.3 %  heading acc. 100.0 %  grad norm 1234"
    )


def test_a_log_has_no_line_twice(clock: Clock) -> None:
    console, file = log()
    with Progress(1000, 160, console=console) as progress:
        advance(progress, clock, range(1, 2), seconds=1.0)
    assert len(file.getvalue().splitlines()) == 1


def test_a_run_that_is_already_done(clock: Clock) -> None:
    console, file = log()
    with Progress(100, 10, start_update=100, console=console):
        pass
    assert file.getvalue() == "update 100 / 100 (100.0 %)  frames 1,000  elapsed 0:00:00\n"


def test_a_stream_without_greek(clock: Clock) -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, "ascii", write_through=True), force_terminal=False)
    with Progress(100, 10, console=console) as progress:
        progress.show(1, METRICS)
    assert b"lambda 500.0" in raw.getvalue()


def test_it_costs_nearly_nothing() -> None:
    updates = 2000
    with Progress(updates, 10, console=screen(80)) as progress:
        began = time.thread_time()
        for update in range(updates):
            progress.show(update, METRICS)
        taken = time.thread_time() - began
    assert taken / updates < 1e-3  # a hundredth of the shortest update, with room for a busy machine
