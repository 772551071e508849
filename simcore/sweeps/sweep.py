"""The stages of a sweep: plan, run, report, and figures."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from simcore.common.checks import require
from simcore.common.threads import share_of_threads
from simcore.config.run import Config
from simcore.figures import figure_file
from simcore.sweeps.curves import sweep_curves
from simcore.sweeps.folder import RUNS, Status, SweepFolder
from simcore.sweeps.on_ray import RayTasks
from simcore.sweeps.plan import Plan, make_plan
from simcore.sweeps.processes import Executor, Processes
from simcore.sweeps.report import Report, make_report
from simcore.sweeps.running import run_missing
from simcore.sweeps.spec import read_spec
from simcore.training.loop import check


def plan_sweep(spec: Path) -> tuple[Plan, bytes]:
    """Read a sweep's file; return the plan of all runs, and the file's bytes.

    Raises:
        UserError: the file is missing or invalid.
    """
    parsed, data = read_spec(spec)
    return make_plan(parsed), data


def make_executor(plan: Plan, name: str, address: str | None, jobs: int | None) -> Executor:
    """Make the executor of a plan's runs: `processes` of this machine, or `ray`.

    Raises:
        UserError: `jobs` is not positive, or Ray, its cluster, or something that the runs need is not available.
    """
    require(jobs is None or jobs > 0, f"--jobs is {jobs}; it must be at least 1")
    configs = [run.config for run in plan.runs]
    if name == "ray":
        gpus = any(config.device.startswith("cuda") for config in configs)
        return RayTasks(address, jobs, max(1, *(config.threads for config in configs)), int(gpus))
    for config in configs:
        check(config)
    at_once = min(jobs or 1, len(configs))
    executor = Processes(at_once)
    executor.notes = tuple(shared_threads(at_once, configs))
    return executor


def shared_threads(jobs: int, configs: Sequence[Config]) -> Iterator[str]:
    """Yield a line about the threads of runs that share the cores, unless each run's are given."""
    own, share = share_of_threads(), share_of_threads(jobs)
    if share < own and not all(config.threads for config in configs):
        yield f"{jobs} runs at a time share the cores: PyTorch uses {share} of {own} threads in each; threads chooses"


def run_sweep(
    folder: SweepFolder, executor: Executor, retry_failed: bool = False, tell: Callable[[str], None] = print
) -> bool:
    """Run the unfinished runs of a sweep; return False if it was interrupted."""
    if retry_failed:
        folder.forget_failures()
    return run_missing(folder, executor, tell)


def report_sweep(folder: SweepFolder) -> Report:
    """Return the report of the sweep so far."""
    scores = {run.name: folder.scores(run) for run in folder.plan.runs}
    failed = [run.name for run in folder.plan.runs if folder.status(run) is Status.FAILED]
    return make_report(folder.plan, scores, failed)


def sweep_results(folder: SweepFolder, report: Report, is_whole: bool) -> dict[str, bytes]:
    """Return the files of the report and the curves, by name; `is_whole`: curves of every setting, not the best."""
    files = {"report.json": (json.dumps(report.to_dict(), indent=1) + "\n").encode()}
    rows = list(report.rows) if is_whole else list(report.best().values())
    for metric, figure in sweep_curves(rows, folder.path / RUNS, folder.name):
        for kind in ("png", "pdf"):
            files[f"curves-{metric}.{kind}"] = figure_file(figure, kind, dpi=200)
    return files
