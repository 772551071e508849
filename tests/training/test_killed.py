"""A resume that is killed at any step loses nothing that was there, and the next one ends as if nothing had been."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simcore.runs import RunFolder, checkpoints, read_metrics
from simcore.training.loop import train
from tinier import tinier

LAST = 4
KILL_AT_EACH_STEP = """
import os
import shutil
import sys
from pathlib import Path

from simcore.runs import RunFolder
from simcore.training.loop import train
from tinier import tinier

STEPS = {"open", "os.rename", "os.remove", "os.truncate", "os.mkdir"}
config = tinier(learning__updates=LAST, record__metrics_every=1)
whole, folder = Path(sys.argv[1]), Path(sys.argv[2])


def die_at(step):
    done = 0

    def reach(event="os.fsync", arguments=()):
        nonlocal done
        if event not in STEPS or not str(arguments[0]).startswith(str(folder)):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        done += 1
        if done == step:
            os._exit(9)

    def sync(descriptor, fsync=os.fsync):
        reach("os.rename", (folder,))
        fsync(descriptor)

    sys.addaudithook(reach)
    os.fsync = sync


sys.stdout = open(os.devnull, "w")
shutil.copytree(whole, folder / "0")
train(config, RunFolder.open(folder / "0"))  # all is imported and compiled now, once for all that follow
step, killed = 0, True
while killed:
    step += 1
    shutil.copytree(whole, folder / str(step))
    child = os.fork()
    if child == 0:
        die_at(step)
        train(config, RunFolder.open(folder / str(step)))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9), code
    killed = code == 9
"""


def lines_of(path: Path) -> dict[int, dict[str, Any]]:
    """Return a file's lines by update, without what differs from machine to machine."""
    lines = read_metrics(path) if path.exists() else []
    return {
        int(line["update"]): {name: value for name, value in line.items() if not name.startswith("seconds/")}
        for line in lines
    }


@pytest.mark.parametrize("begun_at", [0, 2])
def test_a_resume_killed_at_any_step_loses_nothing(tmp_path: Path, begun_at: int) -> None:
    """From a checkpoint that is older than the last metrics, and from none, as in a published run."""
    run, copies = tmp_path / "run", tmp_path / "copies"
    config = tinier(learning__updates=3, record__metrics_every=1)
    assert train(config, RunFolder.create(run, config.to_dict()))
    for file in (run / "checkpoints").iterdir():
        if file.name > f"update_{begun_at:08}.pt":
            file.unlink()
    before = lines_of(run / "metrics.jsonl")
    assert list(before) == [1, 2, 3]

    script = KILL_AT_EACH_STEP.replace("LAST", str(LAST))
    subprocess.run([sys.executable, "-c", script, str(run), str(copies)], check=True, cwd=Path(__file__).parents[1])
    steps = sorted(copies.iterdir(), key=lambda path: int(path.name))[1:]
    assert len(steps) > 15
    end = lines_of(steps[-1] / "metrics.jsonl")
    assert list(end) == [1, 2, 3, 4]
    assert not (steps[-1] / "metrics.ahead.jsonl").exists()
    for copy in steps:
        there = lines_of(copy / "metrics.ahead.jsonl") | lines_of(copy / "metrics.jsonl")
        assert {update: there[update] for update in before} == before, copy
        newest = checkpoints.latest(copy / "checkpoints")
        assert begun_at == 0 or (newest is not None and checkpoints.load(newest).update >= begun_at)
        recorded = RunFolder.open(copy).config["learning"]["updates"]
        assert recorded == (LAST if (copy / "metrics.ahead.jsonl").exists() else recorded)
    config = tinier(learning__updates=LAST, record__metrics_every=1)
    for copy in steps[:-1:9]:
        assert train(config, RunFolder.open(copy))
        assert lines_of(copy / "metrics.jsonl") == end
        assert not (copy / "metrics.ahead.jsonl").exists()
        changes = [json.loads(line)["changed"] for line in (copy / "changes.jsonl").read_text().splitlines()]
        assert changes[-1] == {"learning.updates": [3, LAST]}
    shutil.rmtree(copies)
