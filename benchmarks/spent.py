"""What runs have cost: how many there are in a folder or below it, their frames, and their hours of computing.

    python -m benchmarks.spent OUT/models OUT/kappa

Hours are the sum of `seconds/*` in each run's metrics, which leaves out start-up, checkpoints, pictures and fresh
probes; a run of one thread spends as many core hours. Runs that a sweep reuses from another count in both.
"""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from simcore.config.run import Config
from simcore.figures.columns import columns_over_frames, seconds_along
from simcore.runs import RunFolder


def main() -> None:
    """Add up, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    table = Table()
    for head in ("", "runs", "million frames", "hours"):
        table.add_column(head, justify="right" if head else "left")
    totals = []
    for folder in parser.parse_args().folders:
        spent = [of_run(metrics.parent) for metrics in sorted(folder.rglob("metrics.jsonl")) if metrics.stat().st_size]
        totals.append((len(spent), sum(frames for frames, _ in spent), sum(seconds for _, seconds in spent)))
        table.add_row(str(folder), *told(*totals[-1]))
    table.add_section()
    table.add_row("all", *told(*(sum(column) for column in zip(*totals, strict=True))))
    Console().print(table)


def of_run(path: Path) -> tuple[float, float]:
    """Return the frames and the seconds of computing of a run."""
    folder = RunFolder.open(path)
    columns = columns_over_frames(folder.metrics)
    seconds = seconds_along(columns, Config.from_dict(folder.config).executor == "serial")
    return float(columns["frames"][-1]), float(seconds[-1])


def told(runs: float, frames: float, seconds: float) -> tuple[str, str, str]:
    """Return a row's cells."""
    return f"{runs:.0f}", f"{frames / 1e6:,.1f}", f"{seconds / 3600:,.1f}"


if __name__ == "__main__":
    main()
