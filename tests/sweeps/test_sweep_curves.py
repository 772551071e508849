"""The curves of a sweep: each setting has one of its own, under a name of its own."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from simcore.runs import RunFolder
from simcore.sweeps import make_plan, make_report, parse_spec
from simcore.sweeps.curves import sweep_curves
from simcore.sweeps.report import Row, describe
from simcore.sweeps.scores import Scores


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """Two settings of three seeds, whose map errors are 0 and 1; the newer half of each file has the newer names."""
    plan = make_plan(parse_spec({"grid": {"geco.kappa": [0.1, 0.2]}, "model": [{"name": "LSTM"}]}))
    for run in plan.runs:
        folder = RunFolder.create(tmp_path / run.name, run.config.to_dict())
        lines = [
            {"update": update, "frames": update, name: float(run.number)}
            for update, name in ((1, "map_mse"), (2, "map_mse"), (3, "probes/map_mse"), (4, "probes/map_mse"))
        ]
        folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    scores = {run.name: Scores(4, 4, {"map_mse": 1.0}, {}, {}) for run in plan.runs}
    return list(make_report(plan, scores, []).rows)


def names(rows: list[Row], runs: Path) -> list[str]:
    ((score, figure),) = sweep_curves(rows, runs, "title")
    assert score == "map_mse"
    assert figure.axes[0].get_ylabel() == "map MSE, in training"
    return [str(line.get_label()) for line in figure.axes[0].lines]


def test_each_setting_has_its_curve(rows: list[Row], tmp_path: Path) -> None:
    assert names(rows, tmp_path) == ["LSTM, kappa = 0.1 (3 seeds)", "LSTM, kappa = 0.2 (3 seeds)"]
    assert names(rows[:1], tmp_path) == ["LSTM (3 seeds)"]


def test_a_setting_that_was_drawn_twice_has_two_curves(rows: list[Row], tmp_path: Path) -> None:
    same = [rows[0], replace(rows[1], setting=rows[0].setting)]
    assert names(same, tmp_path) == [f"LSTM, kappa = 0.1 (setting {number}) (3 seeds)" for number in (0, 1)]


def test_a_field_whose_last_part_is_not_its_own_is_named_whole() -> None:
    setting = {"geco.kappa": 0.1, "learning.learning_rate": 1e-3, "probes.learning_rate": 2e-3}
    assert describe(setting) == "kappa = 0.1, learning.learning_rate = 0.001, probes.learning_rate = 0.002"
