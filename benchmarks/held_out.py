"""What the picture of a held-out episode costs a run that trains, beside an update.

    python -m benchmarks.held_out --preset tiny

On one thread of a CPU; training itself is timed with actors that take turns with the learner.
"""

import argparse
import statistics

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.timing import machine, take_turns
from simcore.config.presets import NAMES, preset
from simcore.training.held_out import HeldOutEpisode
from simcore.training.training import Training


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", default="RandomCity")
    parser.add_argument("--preset", choices=NAMES, default="tiny")
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = preset(options.preset, options.level)
    training = Training(config, torch.device("cpu"))
    episode = HeldOutEpisode(training)
    seconds = take_turns({"update": training.update, "picture": episode.draw}, options.repeats, training.device)
    update, picture = (statistics.median(seconds[name]) for name in ("update", "picture"))
    between = config.record.checkpoint_every * config.record.pictures_every
    table = Table(title=f"{options.level}, {options.preset}; {machine(training.device)}")
    for head in ("update", "picture", f"share, one each {between} updates"):
        table.add_column(head, justify="right")
    table.add_row(f"{1e3 * update:.0f} ms", f"{1e3 * picture:.0f} ms", f"{picture / (picture + between * update):.2%}")
    Console().print(table)
    episode.close()


if __name__ == "__main__":
    main()
