"""The command `simcore sweep`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from simcore.commands.console import say, wide_console
from simcore.commands.results import publish
from simcore.common.checks import Width, require_fields
from simcore.common.signals import INTERRUPTED


@dataclass(frozen=True)
class Sweep:
    """Run all settings of a sweep's file, for all its models and seeds, and report the best setting of each model.

    The same command again continues with what is missing. Exit code 1: a run has failed; 130: it was interrupted.
    """

    spec: Positional[Path]
    """The sweep's TOML file; docs/sweeps.md describes it."""
    out: Path | None = None
    """The sweep's folder; by default sweeps/ and the file's name."""
    jobs: Width | None = None
    """Runs at a time; by default 1 with processes, and on Ray as many as fit."""
    executor: Literal["processes", "ray"] = "processes"
    """Where runs are executed: on this machine, or on a Ray cluster whose machines share the sweep's folder."""
    ray_address: str | None = None
    """The Ray cluster to join, as in ray.init; none: one on this machine."""
    reuse: tuple[Path, ...] = ()
    """Folders of other sweeps: finished runs of the same configuration are copied from them, and not run again; shorter
    ones are continued."""
    retry_failed: bool = False
    """Retry the runs that have failed, from their newest checkpoints."""
    all: bool = False
    """Show and plot every setting, not only the best of each model."""
    dry_run: bool = False
    """Print what would be run, and do nothing."""

    def execute(self) -> None:
        """Run what is missing; print the table, and write it with the curves into the sweep's folder."""
        from simcore.sweeps import (
            SweepFolder,
            make_executor,
            plan_sweep,
            report_sweep,
            report_table,
            reuse_runs,
            run_sweep,
            sweep_results,
        )

        require_fields("--", self)
        plan, data = plan_sweep(self.spec)
        if self.dry_run:
            updates = sum(run.config.learning.updates for run in plan.runs)
            say(*(run.name for run in plan.runs), f"{len(plan.runs)} runs, {updates:,} updates in all")
            return
        path = self.out or Path("sweeps") / self.spec.stem
        executor = make_executor(plan, self.executor, self.ray_address, self.jobs)
        folder = SweepFolder.prepare(path, data, plan)
        say(*executor.notes)
        say(*reuse_runs(folder, self.reuse))
        complete = run_sweep(folder, executor, self.retry_failed, say)
        report = report_sweep(folder)
        title = f"{folder.name}: {plan.metric} in {plan.worlds} validation worlds, then all in as many test worlds"
        publish(
            path,
            sweep_results(folder, report, self.all),
            lambda: wide_console().print(report_table(report, title, self.all)),
        )
        failures = folder.failures()
        for run, error in failures:
            say(f"FAILED: {run.name}: {error}; see {folder.files(run).log}")
        if not complete:
            say("Stopped; the same command goes on with what is missing")
            sys.exit(INTERRUPTED)
        if failures:
            say("The same command with --retry-failed tries these again")
            sys.exit(1)
