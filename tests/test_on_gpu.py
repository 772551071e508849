"""benchmarks/on_gpu.sh: all of it on the CPU with toys, and what it does about parts that fail or hang."""

import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from simcore.runs import ExportedRun

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "on_gpu.sh"
PARTS = ["tests", "agree", "eager", "graph", "train", "export", "online", "probe", "rollout"]
STUB = """#!/usr/bin/env bash
# Stands for python: says what it is asked to do, and fails or hangs where a test wants it to.
case "$*" in
*"FAILING"*) echo "it broke" && exit 3 ;;
*"HANGING"*) echo "it hangs" && exec sleep 1000 ;;
-c*) exec REAL "$@" ;;
*) echo "done: $*" ;;
esac
"""


def run_script(out: Path, *flags: str, python: str = sys.executable) -> tuple[int, str, float]:
    """Return exit code, output and seconds."""
    begin = time.monotonic()
    done = subprocess.run(
        [str(SCRIPT), "--device", "cpu", "--out", str(out), *flags],
        env=os.environ | {"PYTHON": python},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - begin


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def codes(out: Path) -> dict[str, int]:
    return {row["part"]: row["code"] for row in lines(out / "parts.jsonl")}


def make_stub(path: Path, failing: str, hanging: str) -> str:
    text = STUB.replace("FAILING", failing).replace("HANGING", hanging).replace("REAL", sys.executable)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_a_rehearsal_on_the_cpu_brings_everything_back(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, output, seconds = run_script(out, "--rehearse", "--minutes", "8")
    assert codes(out) == dict.fromkeys(PARTS, 0), output
    assert code == 0
    assert seconds < 8 * 60
    for text in ("1 passed", "An update on cpu against the CPU", "frames/s", "fresh probes of b_t", "Written"):
        assert text in output
    assert output == (out / "log.txt").read_text()
    assert all(row["agrees"] and row["loss"] == row["gradient"] == 0 for row in lines(out / "agree.jsonl"))
    updates = [row for row in lines(out / "throughput.jsonl") if row["kind"] == "update"]
    assert {(row["mode"], row["preset"]) for row in updates} == {
        (mode, name) for mode in ("eager", "graph") for name in ("tiny", "paper")
    }
    assert lines(out / "metrics.jsonl")[-1]["update"] > 1
    assert ExportedRun.open(out / "tiny.safetensors").config["learning"]["worlds"] == 3
    with tarfile.open(out / "rest.tar.gz") as rest:
        names = set(rest.getnames())
    pictures = {"probe.png", "maps.png", "course.png", "trajectory.png", "rollout.png", "rollout.gif"}
    others = {"config.json", "probe.json", "probe-online.json", "training.jsonl", *(f"{part}.txt" for part in PARTS)}
    assert {f"rest/{name}" for name in pictures | others} <= names
    files = list(out.iterdir())
    assert len(files) <= 8
    assert all(file.stat().st_size < 16 * 2**20 for file in files)


def test_a_part_that_fails_or_hangs_loses_only_itself(tmp_path: Path) -> None:
    stub = make_stub(tmp_path / "python", "-m pytest", "gpu.agree")
    code, output, seconds = run_script(tmp_path / "out", "--minutes", "1.5", python=stub)
    assert code == 1
    expected = dict.fromkeys([*PARTS, "compile"], 0) | {"tests": 3, "agree": 124}
    assert codes(tmp_path / "out") == expected, output
    assert seconds < 90
    for text in ("it broke", "exit code 3", "it hangs", "out of time", "-m simcore.cli rollout"):
        assert text in output
    with tarfile.open(tmp_path / "out" / "rest.tar.gz") as rest:
        assert {"rest/agree.txt", "rest/rollout.txt"} <= set(rest.getnames())


def test_the_time_is_kept_whatever_hangs(tmp_path: Path) -> None:
    stub = make_stub(tmp_path / "python", "nothing", "-m ")
    code, output, seconds = run_script(tmp_path / "out", "--minutes", "0.3", python=stub)
    assert code == 1
    assert seconds < 18 + 30, output
    assert set(codes(tmp_path / "out").values()) == {124}
    assert "no time for it" in output


def test_bad_flags_and_devices_are_told(tmp_path: Path) -> None:
    code, output, _ = run_script(tmp_path / "out", "--hours", "3")
    assert (code, "what is --hours?" in output, "usage" in output or "--minutes" in output) == (2, True, True)
    code, output, _ = run_script(tmp_path / "out", "--device", "cuda:99")
    assert code == 2
    assert "there is no device cuda:99" in output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("program", ["agree", "throughput", "train"])
def test_each_program_tells_its_flags(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.gpu.{program}", "--help"],
        cwd=SCRIPT.parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--rehearse" in done.stdout
