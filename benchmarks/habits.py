"""What an agent does, at each of a run's checkpoints: its return, where it looks, and how often it takes each action.

    python -m benchmarks.habits RUN [--worlds 32] [--since 0]

All act in the same held-out worlds for an episode. A run keeps more checkpoints with `--record.checkpoints 100
--record.checkpoint-every 10`.
"""

import argparse
import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import NewestWeights, load_weights
from simcore.common.checks import require
from simcore.common.devices import choose_device
from simcore.common.seeding import derive_seed
from simcore.config.run import Config
from simcore.runs import RunFolder, checkpoints
from simcore.worlds import LEVELS

PITCH = 4
"""The index of the pitch in a pose, see `simcore.worlds.voxel.env.WorldVectorEnv`."""


class Habits(NamedTuple):
    """What an agent did in its first episodes."""

    episode_return: float
    """The mean over episodes."""
    pitch: float
    """The mean, in degrees; negative: it looks down."""
    actions: dict[str, float]
    """The share of each action."""

    def most(self, least: float = 0.01) -> list[tuple[str, float]]:
        """Return the actions that have a share of at least `least`, most frequent first."""
        return sorted((one for one in self.actions.items() if one[1] >= least), key=lambda one: -one[1])


def main() -> None:
    """Act with the weights of each checkpoint, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--worlds", type=int, default=32, help="held-out worlds (default: %(default)s)")
    parser.add_argument("--since", type=int, default=0, help="the first update that counts (default: %(default)s)")
    options = parser.parse_args()
    table = Table()
    for head in ("update", "return", "pitch"):
        table.add_column(head, justify="right")
    table.add_column("actions")
    for update, run in at_checkpoints(options.run, options.since):
        done = observe(run, options.worlds)
        shares = (f"{name.replace('_', ' ')} {100 * share:.0f}%" for name, share in done.most())
        table.add_row(f"{update:,}", f"{done.episode_return:.2f}", f"{done.pitch:.0f}°", ", ".join(shares))
    Console().print(table)


def at_checkpoints(path: Path, since: int) -> Iterator[tuple[int, LoadedRun]]:
    """Yield a run with the weights of each of its checkpoints, and their number of updates, in ascending order."""
    folder, device = RunFolder.open(path), choose_device("cpu")
    config = Config.from_dict(folder.config)
    require(
        config.policy == "agent" and config.level in LEVELS, f"{path} has no agent that acts in one of SimCore's levels"
    )
    files = sorted(folder.checkpoints.glob("update_*.pt"))
    chosen = [file for file in files if checkpoints.update_of(file) >= since]
    require(bool(chosen), f"{path} has no checkpoint since update {since}; it has {', '.join(f.stem for f in files)}")
    for file in chosen:
        checkpoint = checkpoints.load(file)
        weights = NewestWeights(file, checkpoint.state["learner"]["system"], checkpoint.update, 0)
        yield checkpoint.update, load_weights(folder, weights, device)


def observe(run: LoadedRun, num_worlds: int) -> Habits:
    """Let an agent act in held-out worlds, each until its first episode ends."""
    session = run.session(batch=num_worlds, probes="none")
    is_on = np.ones(num_worlds, np.bool_)
    total, pitches = 0.0, []
    with closing(run.make_worlds(num_worlds)) as worlds:
        counts = np.zeros(len(worlds.action_names))
        session.observe(*worlds.reset(seed=derive_seed(run.config.seed, "habits")))
        while is_on.any():
            actions = np.asarray(session.act())
            counts += np.bincount(actions[is_on], minlength=len(counts))
            frames, rewards, terminated, truncated, info = worlds.step(actions)
            total += float(rewards[is_on].sum())
            pitches.append(info["pose"][is_on, PITCH])
            session.observe(frames, rewards, terminated, truncated, info)
            is_on &= ~(terminated | truncated)
    shares = dict(zip(worlds.action_names, (counts / counts.sum()).tolist(), strict=True))
    return Habits(total / num_worlds, math.degrees(np.concatenate(pitches).mean()), shares)


if __name__ == "__main__":
    main()
