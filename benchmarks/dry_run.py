"""Benchmark of `simcore train --dry-run`: predicted and measured memory of an update on this machine's CPU.

    python -m benchmarks.dry_run

For each core at two sizes of `tiny`: an update's peak memory beyond weights, moments and batch.
"""

import argparse
from dataclasses import replace

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.peak import peak_bytes
from benchmarks.timing import machine
from simcore.build import make_learner, make_system, world_sizes
from simcore.common.tree import detach, tree_map
from simcore.config.presets import preset
from simcore.config.run import Config
from simcore.cost import BATCH, MOMENTS, WEIGHTS, UpdateCost, cost_of_run
from simcore.cost.batch import empty_batch, first_frames
from simcore.data.trajectory import Trajectory
from simcore.learning.learner import Learner

CPU = torch.device("cpu")
SIZES = ((8, 24), (16, 40))
"""Worlds and steps."""
BEFORE = (WEIGHTS, MOMENTS, BATCH)
"""The memory that is in use before an update, and not part of its measured peak."""


def real_update(config: Config) -> tuple[Learner, Trajectory]:
    """Return a learner that has done one update, and a trajectory for the next."""
    system, sizes = make_system(config), world_sizes(config)
    learner = make_learner(config, system, seed=0)
    batch = tree_map(torch.zeros_like, empty_batch(config, sizes))
    batch = batch._replace(is_first=first_frames(config, len(batch.frames)))
    batch = batch._replace(initial_state=detach(system.agent.initial_state(config.learning.worlds)))
    learner.step(batch)
    learner.optimizer.zero_grad(set_to_none=True)
    return learner, batch


def predicted(config: Config) -> tuple[UpdateCost, int]:
    """Return the predicted cost, and the part of its peak that an update adds, in bytes."""
    costs = cost_of_run(config, on_gpu=False)
    return costs, costs.peak - sum(costs.peak_by(kind) for kind in BEFORE)


def measured(config: Config) -> int:
    """Return the bytes that an update adds at its peak."""
    learner, batch = real_update(config)
    prepared = learner.prepare(batch)
    return peak_bytes(lambda: learner.step(prepared), CPU)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    torch.set_num_threads(1)
    table = Table("core", "worlds x steps", title=f"Peak of an update: {machine(CPU)}")
    for column in ("told, MiB", "measured, MiB", "told / measured"):
        table.add_column(column, justify="right")
    for core in ("lstm", "slots", "kanerva"):
        for worlds, steps in SIZES:
            config = replace(preset("tiny"), core=core, threads=1, device="cpu")
            config = replace(config, learning=replace(config.learning, worlds=worlds, unroll_length=steps))
            told, real = predicted(config)[1], measured(config)
            table.add_row(
                core, f"{worlds} x {steps}", f"{told / 2**20:.1f}", f"{real / 2**20:.1f}", f"{told / real:.3f}"
            )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
