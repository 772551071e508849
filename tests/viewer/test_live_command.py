"""The command: an address, a page behind it, and an end that leaves nothing."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from websockets.sync.client import connect

from simcore.cli import main
from simcore.viewer.messages import decode_view
from tinier import tinier
from trained import trained_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_run(tmp_path_factory.mktemp("runs") / "city", tinier(learning__updates=2)).path


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["live", *arguments])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_film_without_a_page(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "film.gif"
    main(["live", str(run), "--headless", "--steps", "3", "--record", str(file), "--world.episode-length", "30"])
    assert f"Written: {file}, 4 moments" in capsys.readouterr().out
    assert file.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--headless"], "name a film by --record"),
        (["--steps", "3"], "--steps is for a film without a page"),
        (["--blindfold-from", "3"], "--blindfold-from is for a film without a page"),
        (["--headless", "--record", "a.mp4", "--steps", "3", "--blindfold-from", "3"], "the film has 3 steps"),
        (["--record", "film.avi"], "must end in .mp4 or .gif"),
        (["--port", "70000"], "--port must be .* 0 to 65535 or none, not 70000"),
        (["--pace", "0"], "--pace must be .* from 0.1 to 60.0, not 0.0"),
        (["--blindfold-from", "-1"], "--blindfold-from must be .*, not -1"),
        (["--seed", "-1"], "--seed must be .*, not -1"),
        (["--beside", "missing"], "missing"),
        (["--host", "203.0.113.7"], "cannot listen at 203.0.113.7"),
        (["--headless", "--record", "a.mp4", "--world.size", "3"], "size is 3"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    why: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert re.search(why, refused([str(run), *arguments], capsys))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def live(run: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start the command in a process group of its own."""
    flags = ["--port", "0", "--no-open", "--world.episode-length", "50"]
    command = [sys.executable, "-X", "faulthandler", "-m", "simcore", "live", str(run), *flags]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, text=True, start_new_session=True, **pipes)
    yield process
    process.kill()
    process.communicate()


def last_words(process: "subprocess.Popen[str]") -> str:
    """Return what a process wrote to standard error by its end; fail with all its threads' stacks if it goes on."""
    try:
        return process.communicate(timeout=60)[1]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        pytest.fail(f"it goes on: {process.communicate()[1]}")


def opened(process: "subprocess.Popen[str]") -> str:
    """Return the address that the command prints, once its page can be opened."""
    assert process.stdout is not None
    address = re.search(r"http://127\.0\.0\.1:\d+/\S+/", process.stdout.readline())
    assert address is not None
    with urlopen(address[0]) as answer:
        assert b"<html" in answer.read()
    return address[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_no_process(live: "subprocess.Popen[str]", number: signal.Signals) -> None:
    address = opened(live)
    with connect(f"ws{address.removeprefix('http')}live", max_size=None, proxy=None, close_timeout=0.1) as page:
        kinds = [decode_view(page.recv(60))[0] for _ in range(4)]
        assert kinds[0] in ("loading", "hello")
        live.send_signal(number)
        errors = last_words(live)
    assert (live.returncode, errors) == (0, "")
    with pytest.raises(ProcessLookupError):
        os.killpg(live.pid, 0)


def test_a_signal_while_it_loads_ends_it(live: "subprocess.Popen[str]") -> None:
    opened(live)
    live.send_signal(signal.SIGINT)
    assert (last_words(live), live.returncode) == ("", 0)
