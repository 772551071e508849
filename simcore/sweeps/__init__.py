"""Sweeps: many runs from one file, and the best setting of each model."""

from simcore.sweeps.folder import Status, SweepFolder
from simcore.sweeps.plan import Plan, PlannedRun, make_plan
from simcore.sweeps.report import Report, Row, make_report, report_table
from simcore.sweeps.reuse import reuse_runs
from simcore.sweeps.spec import Spec, parse_spec, read_spec
from simcore.sweeps.sweep import make_executor, plan_sweep, report_sweep, run_sweep, sweep_results

__all__ = [
    "Plan",
    "PlannedRun",
    "Report",
    "Row",
    "Spec",
    "Status",
    "SweepFolder",
    "make_executor",
    "make_plan",
    "make_report",
    "parse_spec",
    "plan_sweep",
    "read_spec",
    "report_sweep",
    "report_table",
    "reuse_runs",
    "run_sweep",
    "sweep_results",
]
