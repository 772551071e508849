"""Training for a number of seconds in the fastest measured mode, with a checkpoint at the end.

    python -m benchmarks.gpu.train --seconds 180 --run run --throughput throughput.jsonl -- --learning.worlds 256

Arguments after `--` are passed to `simcore train`, after the flags that this program chooses: precision and graph, by
the results of benchmarks.gpu.throughput for the same preset, core and batch, and the executor with the most actors.
Exit code: that of `simcore train`, but 0 if it was stopped by this program.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

from benchmarks.gpu.common import make_parser, read_rows, tell
from simcore.common.signals import INTERRUPTED
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.runs import read_metrics

TOYS = (
    *("--threads", "1", "--learning.unroll-length", "7", "--simulation.overshoot", "3", "--simulation.starts", "2"),
    *("--world.frame-size", "8", "--world.episode-length", "6", "--simulation.earliest-start", "0"),
    *("--agent.hidden-size", "8", "--agent.embedding-size", "8", "--agent.encoder-channels", "4"),
    *("--convdraw.steps", "2", "--convdraw.state-channels", "4", "--record.metrics-every", "5"),
    *("--probes.worlds", "8", "--probes.validation-worlds", "2", "--probes.hidden-size", "8"),
)
"""Flags that make a run of any preset a toy, for a rehearsal."""
PATIENCE = 20.0
"""Seconds in which a run has to end once it is stopped, and extra seconds to start if it has no metrics yet, of which a
rehearsal has four times as many."""


def fastest(rows: list[dict[str, Any]], name: str, core: str, worlds: int) -> list[str]:
    """Return the flags of the fastest mode that worked; none if none was measured.

    torch.compile is left out: its time at the start is more than it saves in minutes.
    """
    same = [
        row
        for row in rows
        if (row.get("preset"), row.get("core"), row.get("worlds")) == (name, core, worlds)
        and row.get("kind") == "update"
        and row["mode"] != "compile"
        and "error" not in row
        and row["loss"] == row["loss"]
    ]
    if not same:
        return []
    best = max(same, key=lambda row: row["frames_per_second"])
    return ["--precision", best["precision"], *(["--graph"] if best["mode"] == "graph" else [])]


def executor_flags(actors: int | None) -> list[str]:
    """Return the flags of the executor that makes the best use of the machine's cores: processes, or else threads.

    Threads share one interpreter with the learner, and each slows its launching of kernels: more than a few are worse
    than none. One renders 100,000 frames per second of the size of `tiny`.
    """
    if "processes" in get_args(get_type_hints(Config)["executor"]):
        return ["--executor", "processes", "--acting.actors", str(actors or max(1, min(12, (os.cpu_count() or 2) - 4)))]
    return ["--executor", "threads", "--acting.actors", str(actors or min(3, os.cpu_count() or 1))]


def written(metrics: Path) -> list[dict[str, float]]:
    """Return a run's metrics so far; none if there is no file yet."""
    return read_metrics(metrics) if metrics.exists() else []


def wait(run: subprocess.Popen[bytes], end: float, until: Callable[[], bool] = lambda: False) -> None:
    """Wait until a process ends or `until` is true, at most until the monotonic clock's time `end`."""
    while run.poll() is None and time.monotonic() < end and not until():
        time.sleep(0.1)


def main() -> None:
    """Train, and stop the run when its time is up."""
    parser = make_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="the run is told to end after so many")
    parser.add_argument("--run", type=Path, required=True, help="the run's folder")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--core", choices=["lstm", "slots", "kanerva"], help="by default the preset's")
    parser.add_argument("--worlds", type=int, default=256, help="learning.worlds")
    parser.add_argument("--actors", type=int, help="by default as many as the machine has cores for")
    parser.add_argument("--throughput", type=Path, help="what benchmarks.gpu.throughput wrote; none: full float32")
    parser.add_argument("flags", nargs="*", help="further flags of simcore train, after --")
    options = parser.parse_args()
    worlds = 3 if options.rehearse else options.worlds
    core = options.core or preset(options.preset).core
    rows = read_rows(options.throughput) if options.throughput else []
    chosen = [] if options.rehearse else fastest(rows, options.preset, core, worlds)
    flags = [*("RandomCity", "--preset", options.preset, "--core", core, "--device", str(options.device))]
    flags += ["--run", str(options.run), "--learning.worlds", str(worlds), "--learning.updates", "1000000"]
    flags += [*executor_flags(options.actors), *chosen, *(TOYS if options.rehearse else ()), *options.flags]
    print("simcore train", *flags, flush=True)
    # The signal goes only to this process, not to actors that it may have. A shell in the background is deaf to
    # SIGINT, and hands that on, hence SIGTERM, by which a run ends just as well.
    run = subprocess.Popen([sys.executable, "-m", "simcore.cli", "train", *flags])
    begin = time.monotonic()
    metrics = options.run / "metrics.jsonl"
    wait(run, begin + options.seconds)
    starting = 4 * PATIENCE if options.rehearse else PATIENCE  # a rehearsal's machine may be busy with other things
    wait(run, begin + options.seconds + starting, until=lambda: bool(written(metrics)))
    run.send_signal(signal.SIGTERM)
    try:
        code = run.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        run.kill()
        code = run.wait()
    row = {"kind": "training", "flags": flags, "seconds": time.monotonic() - begin, "code": code}
    lines = written(metrics)
    last = lines[-1] if lines else {}
    tell(options.out, row | {"last": last})
    print("the last line of metrics:", last, flush=True)
    if code == INTERRUPTED:
        sys.exit(0)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
