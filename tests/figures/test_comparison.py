"""The tables and the figure of a comparison, and its command."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simcore.analysis.comparing import Comparison, Knowledge, Row
from simcore.cli import main
from simcore.figures import comparison_figure, comparison_grids, markdown, rich_table
from tinier import tinier
from trained import trained_run


def row(name: str, values: dict[int, float], control: bool = False) -> Row:
    known = {
        seed: Knowledge({"map_mse_old_20": value, "cell_accuracy": 1 - value}, {(0, 0): value, (1, 3): value / 2})
        for seed, value in values.items()
    }
    return Row(name, control, 0 if control else 10, 0 if control else 2_880_000, known)


@pytest.fixture
def comparison() -> Comparison:
    rows = (
        row("overshoot = 1", {0: 0.7, 1: 0.8, 2: 0.9}),
        row("overshoot = 6", {0: 0.5, 1: 0.61, 2: 0.72}),
        row("one seed", {1: 0.6}),
        row("untrained agent's belief", {0: 0.9, 1: 0.9, 2: 0.9}, control=True),
    )
    return Comparison(256, rows)


def test_tables_tell_means_with_the_reach_of_their_intervals(comparison: Comparison) -> None:
    scores, less, by_age = comparison_grids(comparison)
    assert scores.headings == ("", "frames", "out of sight 20+", "cell", "seeds")
    assert scores.rows == (
        ("overshoot = 1", "2.88 M", "80.0 ± 16.9", "20.0 ± 16.9", "0, 1, 2"),
        ("overshoot = 6", "2.88 M", "61.0 ± 18.5", "39.0 ± 18.5", "0, 1, 2"),
        ("one seed", "2.88 M", "60.0", "40.0", "1"),
        ("untrained agent's belief", "–", "90.0 ± 0.0", "10.0 ± 0.0", "0, 1, 2"),
    )
    assert less.rows == (
        ("overshoot = 6", "-19.0 ± 1.7*", "+19.0 ± 1.7*"),
        ("one seed", "-20.0", "+20.0"),
    )
    assert by_age.headings == ("", "in sight", "1 to 3")
    assert by_age.rows[1:3] == (("overshoot = 6", "61.0 ± 18.5", "30.5 ± 9.3"), ("one seed", "60.0", "30.0"))


def test_markdown_has_the_same_cells(comparison: Comparison) -> None:
    grids = list(comparison_grids(comparison))
    lines = markdown(grids).splitlines()
    assert lines[2:5] == [
        "|  | frames | out of sight 20+ | cell | seeds |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| overshoot = 1 | 2.88 M | 80.0 ± 16.9 | 20.0 ± 16.9 | 0, 1, 2 |",
    ]
    assert [table.row_count for table in map(rich_table, grids)] == [4, 2, 4]


def test_each_score_has_a_panel_in_which_settings_stand_from_above_to_below(comparison: Comparison) -> None:
    figure = comparison_figure(comparison, "title")
    old, cell = figure.axes
    assert [old.get_title(), cell.get_title()] == ["out of sight 20+, left %", "cell, %"]
    assert [label.get_text() for label in old.get_yticklabels()] == [row.name for row in comparison.rows]
    assert old.get_ylim()[0] > old.get_ylim()[1]
    assert [bar.lines[0].get_xdata()[0] for bar in old.containers] == pytest.approx([80, 61, 60, 90])


def test_the_command_writes_tables_and_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, config in {"a": tinier(learning__updates=1), "b": tinier(learning__updates=1, geco__kappa=0.1)}.items():
        trained_run(tmp_path / name, config)
    arguments = ["compare", *(str(tmp_path / name) for name in "ab"), "--worlds", "2", "--old", "2", "4"]
    main([*arguments, "--of", "state", "--out", str(tmp_path / "results/state")])
    assert "What is in the core's whole state of 2 held-out worlds a seed" in capsys.readouterr().out
    assert json.loads((tmp_path / "results/state.json").read_text())["of"] == "state"
    main([*arguments, "--no-controls", "--world.map-frame", "ego", "--out", str(tmp_path / "results/ego")])
    assert "2 held-out worlds a seed, with map_frame='ego'" in capsys.readouterr().out
    assert json.loads((tmp_path / "results/ego.json").read_text())["world"] == {"map_frame": "ego"}
    assert len(list((tmp_path / "a" / "probes").glob("*/belief-hidden.pt"))) == 1, "kept beside those of its own worlds"
    main([*arguments, "--out", str(tmp_path / "results/kappa")])
    said = capsys.readouterr().out
    assert "What is known of 2 held-out worlds a seed" in said
    assert all(words in said for words in ("kappa = 0.1", "out of sight 4+", "untrained agent's belief"))
    told = json.loads((tmp_path / "results/kappa.json").read_text())
    assert [row["name"] for row in told["rows"]][:2] == ["kappa = 0.001", "kappa = 0.1"]
    assert "| kappa = 0.1 |" in (tmp_path / "results/kappa.md").read_text()
    with Image.open(tmp_path / "results/kappa.png") as picture:
        assert np.asarray(picture).std() > 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "simcore compare wants runs: their folders, as sweeps/models/runs/*"),
        (["gone"], "gone"),
        (["gone", "--old", "0"], "--old must be 1 or more, not 0"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["compare", *arguments])
    assert stop.value.code == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1
