"""The example of a world of one's own runs, and its probes are told."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_an_own_world_is_trained_in_and_its_targets_are_probed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-W", "error", "examples/own_world.py", "--run", str(run), "--updates", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Left out: maps.png and trajectory.png, since Rooms-v0 tells no map" in done.stdout
    metrics = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"room_accuracy", "position_mse"} <= metrics.keys()
    assert "food" not in metrics
    report = json.loads((run / "probe.json").read_text())
    assert list(report["overall"]) == ["belief", "online", "untrained", "frame", "constant"]
    for overall in report["overall"].values():
        assert list(overall) == ["position_mse", "room_accuracy"]
    assert report["left"]["constant"] == {"position_mse": 1.0}
    assert sorted(file.name for file in run.glob("*.png")) == ["course.png", "probe.png"]
