"""Runs of the Hugging Face Hub, by a folder in the place of its cache and a server in the place of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import huggingface_hub
import pytest
from huggingface_hub import constants

import simcore
from simcore.common.errors import UserError
from simcore.pretrained import shipped
from simcore.pretrained.hub import download
from simcore.runs import ExportedRun, open_run
from simcore.runs.exported import save_export
from tinier import tinier

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The Hub's cache on a machine without a connection, with files of the repository owner/name."""
    repository = tmp_path / "cache" / "models--owner--name"
    files = repository / "snapshots" / COMMIT
    (files / "small").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for file in ("simcore.safetensors", "small/city.safetensors"):
        shutil.copy(shipped()["random-city"], files / file)
    save_export(files / "code.safetensors", {}, tinier().to_dict() | {"core": "os:Memory"}, 1, half=True, limit=2**20)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    download.cache_clear()
    yield files
    download.cache_clear()


def test_a_run_of_the_hub_is_loaded_by_its_name(cache: Path) -> None:
    assert simcore.load("hf:owner/name", "cpu").update == 47_000
    run = open_run(Path("hf:owner/name/small/city.safetensors"))
    assert isinstance(run, ExportedRun)
    assert run.name == "owner-name-small-city"
    assert run.path == Path("runs/owner-name-small-city-results")
    assert run.file.samefile(cache / "small" / "city.safetensors")


def test_a_path_of_such_a_name_has_precedence(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hf:owner" / "name").mkdir(parents=True)
    with pytest.raises(UserError, match="hf:owner/name is no run"):
        open_run("hf:owner/name")


def test_a_strangers_run_executes_no_code_by_name(cache: Path) -> None:
    with pytest.raises(UserError, match="would run code by the name of os:Memory; if that is yours, name its file: "):
        open_run("hf:owner/name/code.safetensors")
    assert open_run(cache / "code.safetensors").config["core"] == "os:Memory"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("hf:owner/other", "hf:owner/other is not in the Hub's cache, and the Hub cannot be reached"),
        ("hf:owner/name/other.safetensors", "is not in the Hub's cache"),
        ("hf:owner", "hf:owner names no repository; write hf:owner/name"),
        ("hf:", "names no repository"),
        ("hf:owner/name/", "names no repository"),
        ("hf:own er/name", "cannot download hf:own er/name: HFValidationError: Repo id must use alphanumeric chars"),
        ("hf:owner/name/..", "names no exported run: its file must end in .safetensors"),
        ("hf:owner/name/README.md", "names no exported run"),
    ],
)
def test_what_cannot_be_downloaded(cache: Path, name: str, line: str) -> None:
    with pytest.raises(UserError, match=line):
        open_run(name)


def test_whatever_ends_a_download_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class StalledError(Exception):
        """The kind of error that the Hub's own library for transfers raises."""

    def stall(*_: object) -> None:
        raise StalledError("nothing came\nfor long")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", stall)
    with pytest.raises(UserError, match=r"cannot download hf:owner/slow: StalledError: nothing came$"):
        open_run("hf:owner/slow")


def test_a_damaged_download_can_be_made_again(cache: Path) -> None:
    damaged = cache / "damaged.safetensors"
    damaged.write_bytes(b"something else")
    with pytest.raises(UserError, match=r"to download hf:owner/name/damaged.safetensors anew, delete .*damaged"):
        open_run("hf:owner/name/damaged.safetensors")


class Hub(BaseHTTPRequestHandler):
    """Answers as the Hub does: there is the repository owner/name, and no other, and no file in it."""

    def do_HEAD(self) -> None:
        missing = "EntryNotFound" if self.path.startswith("/owner/name/") else "RepoNotFound"
        self.send_response(404)
        self.send_header("X-Error-Code", missing)
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def shown(name: str, code: str = "", **environment: str) -> str:
    """Ask for the card of a run in a new process, and return what it printed on standard error."""
    command = f"import sys; {code}\nfrom simcore.__main__ import main; main(['pretrained', {name!r}])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", command],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_what_is_not_on_the_hub(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    at = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HUB_CACHE": str(tmp_path), "NO_PROXY": "*"}
    try:
        line = shown("hf:owner/name", **at)
        assert line == (
            "simcore: owner/name has no file simcore.safetensors; name one that it has: hf:owner/name/FILE\n"
        )
        line = shown("hf:owner/other/x.safetensors", **at)
        assert line == (
            "simcore: there is no repository owner/other, or you have no access; to one of yours: hf auth login\n"
        )
    finally:
        server.shutdown()
        server.server_close()


def test_the_library_may_be_missing() -> None:
    line = shown("hf:owner/name", "sys.modules['huggingface_hub'] = None")
    assert line == "simcore: this needs huggingface_hub, which is not installed: pip install 'simcore[hub]'\n"
