"""Comparison of settings over seeds: rows and controls, paired differences, and what is refused."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simcore.analysis.comparing import Comparison, Knowledge, Row, compare, identity
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load
from simcore.analysis.measuring import measure
from simcore.analysis.scores import ErrorByAge, Scores, SquaredError, left
from simcore.common.errors import UserError
from simcore.common.intervals import Interval
from simcore.config.run import Config
from simcore.figures import comparison_grids
from tinier import tinier, tinier_acting
from trained import trained_run

CONFIGS = {
    f"{name}-{seed}": tinier(learning__updates=2, seed=seed, **changes)
    for name, changes in {"long": {}, "short": {"simulation__overshoot": 1}, "kanerva": {"core": "kanerva"}}.items()
    for seed in (0, 1)
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedRun]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: load(trained_run(folder / name, config).path, "cpu") for name, config in CONFIGS.items()}


@pytest.fixture(scope="module")
def comparison(runs: dict[str, LoadedRun]) -> Comparison:
    return compare(runs, worlds=4, old=(3, 5))


def known(**scores: float) -> Knowledge:
    return Knowledge(scores, {})


def test_settings_and_their_controls_are_the_rows(comparison: Comparison) -> None:
    assert [(row.name, list(row.known)) for row in comparison.rows] == [
        ("lstm, overshoot = 3", [0, 1]),
        ("lstm, overshoot = 1", [0, 1]),
        ("kanerva, overshoot = 3", [0, 1]),
        ("untrained agent's belief, lstm", [0, 1]),
        ("untrained agent's belief, kanerva", [0, 1]),
        ("present frame alone", [0, 1]),
    ]
    assert [row.is_control for row in comparison.rows] == [False] * 3 + [True] * 3
    assert [row.updates for row in comparison.rows] == [2] * 3 + [0] * 3
    assert comparison.rows[0].frames == 2 * 3 * 7


def test_scores_are_those_of_the_probe_command(runs: dict[str, LoadedRun], comparison: Comparison) -> None:
    measured = measure(runs["short-1"], 4)
    of_setting, untrained, frame = (comparison.rows[place].known[1] for place in (1, 3, 5))
    for name, row in {"belief": of_setting, "untrained": untrained, "frame": frame}.items():
        remaining = left(measured[name], measured["constant"])
        assert row.scores["map_mse"] == pytest.approx(remaining["map_mse"])
        assert row.scores["cell_accuracy"] == measured[name].overall()["cell_accuracy"]
    assert comparison.columns == [
        *("map_mse", "map_mse_seen", "map_mse_unseen", "map_mse_old_3", "map_mse_old_5"),
        *("cell_accuracy", "heading_accuracy"),
    ]
    assert comparison.spans == [(0, 0), (1, 3), (4, 8)]


@pytest.mark.usefixtures("comparison")
def test_a_control_is_measured_once_for_all_that_share_it(runs: dict[str, LoadedRun]) -> None:
    kept = {
        name: sorted(file.stem.removesuffix("-hidden") for file in run.fresh.folder.iterdir())
        for name, run in runs.items()
        if run.fresh.folder is not None
    }
    for seed in (0, 1):
        assert kept[f"long-{seed}"] == ["belief", "frame", "untrained"]
        assert kept[f"kanerva-{seed}"] == ["belief", "untrained"]


def test_without_controls_there_are_settings_alone(runs: dict[str, LoadedRun]) -> None:
    only = compare({name: run for name, run in runs.items() if name.startswith("long")}, 4, controls=())
    assert [row.name for row in only.rows] == ["belief"]


def test_an_agent_that_acts_chooses_what_its_controls_see() -> None:
    for name in ("frame", "untrained"):
        one, same, another = (
            identity(tinier_acting(seed=seed, geco__kappa=kappa), name)
            for seed, kappa in ((0, 0.01), (1, 0.01), (0, 0.02))
        )
        assert one == same != another


@pytest.mark.parametrize("of", ["frame", "untrained"])
def test_a_walkers_controls_depend_on_worlds_and_nets(of: str) -> None:
    def same(one: Config, other: Config) -> bool:
        return identity(one, of) == identity(other, of)

    assert same(tinier(), tinier(seed=1, frame_model="contrastive", simulation__overshoot=1))
    assert not same(tinier(), tinier(world__size=9))
    assert not same(tinier(), tinier(probes__worlds=7))
    assert same(tinier(), tinier(agent__hidden_size=17)) == (of == "frame")
    assert same(tinier(core="slots"), tinier(core="slots", slots__reads=1)) == (of == "frame")
    assert same(tinier(), tinier(slots__reads=1))


def test_errors_are_fractions_of_the_guess_also_by_age() -> None:
    squared, cells = np.array([[1.0], [2.0], [6.0]]), np.array([[1], [1], [2]])
    error = {"map_mse": SquaredError(squared, cells), "map_mse_old": SquaredError(squared, cells)}
    accuracy = {"cell_accuracy": np.array([[1.0], [0.0], [1.0]], np.float32)}
    scores = Scores(error, accuracy, ErrorByAge(squared, cells))
    twice = {name: SquaredError(2 * one.squared, one.cells) for name, one in error.items()}
    constant = Scores(twice, accuracy, ErrorByAge(4 * squared, cells))
    taken = Knowledge.of(scores, constant, (1, 2, 3))
    assert taken.scores == pytest.approx(
        {
            "map_mse": 0.5,
            "map_mse_old_1": 0.25,
            "map_mse_old_2": 0.25,
            "map_mse_old_3": math.nan,
            "cell_accuracy": 2 / 3,
        },
        nan_ok=True,
    )
    assert taken.by_age == {(0, 0): 0.25, (1, 2): 0.25}


def test_differences_are_paired_by_seed() -> None:
    easy, hard = known(map_mse=0.2), known(map_mse=0.6)
    one = Row("one", False, 1, 1, {0: easy, 1: hard, 2: known(map_mse=9.0)})
    other = Row("other", False, 1, 1, {1: known(map_mse=0.5), 0: known(map_mse=0.1)})
    assert one.difference(other, "map_mse") == Interval(pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.1))
    assert one.difference(Row("stranger", False, 1, 1, {7: easy}), "map_mse") is None
    assert one.difference(replace(other, where="another world"), "map_mse") is None


def test_settings_with_shorter_episodes_have_no_error_at_later_ages(runs: dict[str, LoadedRun]) -> None:
    """They are told beside each other, and not paired."""
    shorter = {f"{name}, shorter": run.in_worlds(world={"episode_length": 4}) for name, run in runs.items()}
    both = {name: run for name, run in (*runs.items(), *shorter.items()) if name.startswith("long")}
    for ordered in (both, dict(reversed(both.items()))):
        comparison = compare(ordered, worlds=3, controls=())
        assert len(comparison.rows) == 2
        assert [span[1] for span in comparison.spans][-1] == 8
        assert [first for first, _ in comparison.spans] == [0, 1, 4], "none twice"
        assert all(row.by_age(span) is not None for row in comparison.rows for span in comparison.spans[:-1])
        assert comparison.rows[1].difference(comparison.rows[0], "map_mse") is None
        assert comparison.to_dict()["rows"][1]["frames"] == 2 * 21
        assert [grid.title for grid in comparison_grids(comparison)][1].startswith("What is left of the map's error")


def test_a_report_for_json_has_all_rows(comparison: Comparison) -> None:
    told = comparison.to_dict()
    assert [row["name"] for row in told["rows"]] == [row.name for row in comparison.rows]
    first, second = (row["scores"]["map_mse"] for row in told["rows"][:2])
    assert first["less_the_first"] is None
    assert second["less_the_first"]["mean"] == pytest.approx(np.mean(second["values"]) - np.mean(first["values"]))
    assert first["interval"]["mean"] == pytest.approx(np.mean(first["values"]))
    assert [span["first"] for span in told["rows"][0]["left_by_steps_since_seen"]] == [0, 1, 4]


def test_what_cannot_be_compared_is_refused(runs: dict[str, LoadedRun], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="wants at least one run"):
        compare({})
    with pytest.raises(UserError, match=r"a and b have the same seed, 0, and have one configuration"):
        compare({"a": runs["long-0"], "b": runs["long-0"]}, 4)
    longer = load(trained_run(tmp_path / "longer", tinier(learning__updates=3, seed=2)).path, "cpu")
    shorter = LoadedRun(longer.config.changed(seed=3), longer.system, longer.device, 2, longer.fresh)
    with pytest.raises(UserError, match="these runs have had 2 and 3 updates; resume those that are behind"):
        compare({"longer": longer, "shorter": shorter}, 4)
