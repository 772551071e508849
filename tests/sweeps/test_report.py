"""The best setting, on scores that are made up; the oracle of the intervals is SciPy."""

import json
import math
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from simcore.common.errors import UserError
from simcore.sweeps import Plan, Report, make_plan, make_report, parse_spec, report_table
from simcore.sweeps.scores import Scores

TEXT = """
metric = "METRIC"
[grid]
geco.kappa = [0.1, 0.2, 0.3]
[[model]]
name = "LSTM"
[[model]]
name = "slots"
core = "slots"
"""


def plan_of(metric: str) -> Plan:
    return make_plan(parse_spec(tomllib.loads(TEXT.replace("METRIC", metric))))


def report_of(
    validation: dict[tuple[str, int], list[float | None]],
    metric: str = "map_mse",
    failed: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
) -> Report:
    """Make a report of validation scores by model and setting, one a seed; test scores are 100 more, baseline 7."""
    plan = plan_of(metric)
    scores: dict[str, Scores | None] = {}
    for run in plan.runs:
        values = validation.get((run.model, run.number))
        value = values[run.config.seed] if values else None
        away = not values or run.name in (*failed, *missing)
        test = None if value is None else value + 100
        scores[run.name] = None if away else Scores(10, 4, {metric: value}, {metric: test}, {metric: 7.0})
    return make_report(plan, scores, failed)


LSTM = {("LSTM", 0): [1.0, 2.0, 6.0], ("LSTM", 1): [2.0, 2.0, 2.0], ("LSTM", 2): [0.0, 3.0, 6.0]}
SLOTS = {("slots", 0): [9.0, 9.0, 9.0], ("slots", 1): [8.0, 8.0, 8.0], ("slots", 2): [7.0, 7.0, 7.5]}


def best(report: Report) -> dict[str, int]:
    return {model: row.number for model, row in report.best().items()}


def test_the_best_mean_over_seeds_wins_for_each_model_and_less_error_is_better() -> None:
    assert best(report_of(LSTM | SLOTS)) == {"LSTM": 1, "slots": 2}


def test_more_accuracy_is_better() -> None:
    assert best(report_of(LSTM | SLOTS, "cell_accuracy")) == {"LSTM": 0, "slots": 0}


def test_validation_chooses_and_test_is_told() -> None:
    row = report_of(LSTM | SLOTS).best()["slots"]
    tested = row.interval("test", "map_mse")
    assert tested is not None
    values = np.array([107.0, 107.0, 107.5])
    low, high = stats.t.interval(0.9, 2, values.mean(), stats.sem(values))
    assert (tested.mean, tested.low, tested.high) == pytest.approx((values.mean(), low, high))
    assert row.interval("test", "beauty") is None


def test_a_setting_that_fails_for_a_seed_is_passed_over() -> None:
    """Setting 1 is the best where it learns; it does not always."""
    report = report_of(LSTM, failed=("LSTM-setting1-seed2",))
    assert best(report) == {"LSTM": 0}, "of the whole ones the better; they are equal, so the first"
    row = next(row for row in report.rows if row.number == 1)
    assert (len(row.done), row.failed, row.missing) == (2, ("LSTM-setting1-seed2",), 0)


def test_if_all_settings_fail_for_a_seed_the_best_of_the_rest_is_told() -> None:
    failed = tuple(f"LSTM-setting{number}-seed2" for number in range(3))
    assert best(report_of(LSTM, failed=failed)) == {"LSTM": 0}


def test_a_missing_run_is_no_failed_one() -> None:
    row = report_of(LSTM, missing=("LSTM-setting0-seed0",)).rows[0]
    assert (len(row.done), row.failed, row.missing) == (2, (), 1)


def test_a_run_that_failed_and_was_then_finished_elsewhere_is_finished() -> None:
    plan = plan_of("map_mse")
    scores = {run.name: Scores(1, 1, {"map_mse": 1.0}, {}, {}) for run in plan.runs}
    row = make_report(plan, scores, ["LSTM-setting0-seed0"]).rows[0]
    assert (len(row.done), row.failed) == (3, ())


def test_a_score_that_is_not_there_is_never_the_best() -> None:
    scores = LSTM | {("LSTM", 1): [0.0, None, 0.0]}
    assert best(report_of(scores)) == {"LSTM": 0}
    assert best(report_of({("LSTM", 0): [None, None, None]})) == {}


def test_a_baseline_of_each_seed_is_compared_with_that_seed_alone() -> None:
    row = report_of(LSTM).rows[0]
    scores = [Scores(10, 4, {}, {"map_mse": 0.9 * error}, {"map_mse": error}) for error in (1.0, 2.0, 5.0)]
    paired = replace(row, done=tuple((run, each) for (run, _), each in zip(row.done, scores, strict=True)))
    relative = paired.relative("map_mse")
    assert relative is not None
    assert (relative.low, relative.high) == pytest.approx((0.9, 0.9))
    assert paired.relative("return") is None


def test_the_report_is_json_with_every_setting() -> None:
    report = report_of(LSTM | SLOTS, missing=("slots-setting1-seed1", "slots-setting1-seed2"))
    written = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert written["best"] == {"LSTM": 1, "slots": 2}
    assert [(row["model"], row["number"]) for row in written["settings"]] == [
        (model, number) for model in ("LSTM", "slots") for number in range(3)
    ]
    assert written["settings"][0]["validation"]["map_mse"]["mean"] == 3.0
    assert written["settings"][4]["test"]["map_mse"] == {"mean": 108.0, "low": None, "high": None}, "one seed"
    assert written["settings"][0]["setting"] == {"geco.kappa": 0.1}
    assert set(written["settings"][0]["runs"]) == {f"LSTM-setting0-seed{seed}" for seed in range(3)}


def shown(report: Report, is_whole: bool) -> list[list[str]]:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(report_table(report, "title", is_whole))
    console.file.close()
    lines = console.export_text().splitlines()
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]


def test_the_table_has_the_best_or_all() -> None:
    report = report_of(LSTM | SLOTS, failed=("slots-setting0-seed2",), missing=("slots-setting0-seed1",))
    reach = stats.t.ppf(0.95, 2) * stats.sem([107.0, 107.0, 107.5])
    assert shown(report, False) == [
        ["LSTM", "kappa = 0.2", "2.00000", "102.00000 ± 0.00000", "7.00000", "1457.1% ± 0.0%", "3"],
        ["slots", "kappa = 0.3", "7.16667", f"107.16667 ± {reach:.5f}", "7.00000", f"1531.0% ± {reach / 7:.1%}", "3"],
    ]
    everything = shown(report, True)
    assert [row[0] for row in everything] == ["LSTM", "LSTM *", "LSTM", "slots", "slots", "slots *"]
    assert everything[3][2:] == ["9.00000", "109.00000", "7.00000", "1557.1%", "1 (1 failed, 1 to come)"]


def test_scores_survive_their_file(tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    assert Scores.read(file) is None
    scores = Scores(3, 4, {"map_mse": 0.1 + 0.2, "food": None}, {"map_mse": math.pi}, {})
    scores.write(file)
    assert Scores.read(file) == scores
    for text in ("{", '{"update": 3}', "[]"):
        file.write_text(text)
        with pytest.raises(UserError, match=r"scores.json is damaged .*; delete it"):
            Scores.read(file)
