"""Which runs are drawn as one curve, and under what name."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.figures import metric_columns, plot_curves
from simcore.runs import RunFolder
from tinier import tinier, tinier_acting

OLD = Path(__file__).with_name("old_metrics.jsonl")
"""The first lines of a run of SimCore 0.1."""


def record(path: Path, config: Config, value: float, lines: int = 6, name: str = "probes/map_mse") -> Path:
    """Record a run in which a metric is always of one value."""
    folder = RunFolder.create(path, config.to_dict())  # of six updates if nothing is said
    written = [{"update": i, "frames": 10 * i, name: value} for i in range(1, lines + 1)]
    folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in written))
    return path


def drawn(paths: list[Path], metric: str = "map_mse") -> tuple[dict[str, float], list[str]]:
    """Return where each curve of a figure ends, by its name in the legend, and what is told."""
    told: list[str] = []
    (axes,) = plot_curves(paths, metric, tell=told.append).axes
    return {str(line.get_label()): round(float(np.asarray(line.get_ydata())[-1]), 9) for line in axes.lines}, told


@pytest.mark.parametrize(
    ("one", "two", "names"),
    [
        ({"simulation__overshoot": 1}, {"simulation__overshoot": 6}, ("overshoot = 1", "overshoot = 6")),
        ({"geco__kappa": 1e-3}, {"geco__kappa": 5e-3}, ("kappa = 0.001", "kappa = 0.005")),
        (
            {"learning__learning_rate": 1e-3},
            {"learning__learning_rate": 5e-4},
            ("learning.learning_rate = 0.001", "learning.learning_rate = 0.0005"),
        ),
    ],
)
def test_different_settings_are_never_one_curve(
    tmp_path: Path, one: dict[str, Any], two: dict[str, Any], names: tuple[str, str]
) -> None:
    """The runs' own names and folders tell nothing of it."""
    paths = [
        record(tmp_path / "RandomCity-tiny-0", tinier(learning__unroll_length=9, **one), 1.0),
        record(tmp_path / "RandomCity-tiny-1", tinier(learning__unroll_length=9, seed=1, **two), 2.0),
        record(tmp_path / "RandomCity-tiny-2", tinier(learning__unroll_length=9, seed=2, **one), 3.0),
    ]
    curves, told = drawn(paths)
    assert curves == {f"{names[0]} (2 seeds)": 2.0, f"{names[1]} (1 seed, so no region)": 2.0}
    assert told == [f"{names[0]}: {paths[0]} (seed 0), {paths[2]} (seed 2)", f"{names[1]}: {paths[1]} (seed 1)"]


def test_levels_are_drawn_together_by_name(tmp_path: Path) -> None:
    paths = [record(tmp_path / "city", tinier(), 1.0), record(tmp_path / "food", tinier_acting(), 2.0)]
    assert [name.partition(",")[0] for name in drawn(paths)[0]] == ["RandomCity", "Food"]


def test_seeds_of_different_length_are_drawn_as_far_as_all_go_and_that_is_told(tmp_path: Path) -> None:
    longer = tinier(seed=1, learning__updates=9, device="cuda")
    paths = [record(tmp_path / "a", tinier(), 1.0), record(tmp_path / "b", longer, 3.0, lines=9)]
    curves, told = drawn(paths)
    assert curves == {"RandomCity, tiny (2 seeds)": 2.0}
    assert told[0].endswith("(seed 1); up to frame 60, where the shortest ends, not to 90")


def test_the_same_run_twice_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "a", tinier(), 1.0)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(UserError, match=f"^{path} is given twice; give each run once$"):
        plot_curves([path, path], "map_mse")
    with pytest.raises(UserError, match=f"^{tmp_path}/link is given twice, also as {path};"):
        plot_curves([path, tmp_path / "link"], "map_mse")


def test_a_copy_of_a_run_is_refused_with_both_names(tmp_path: Path) -> None:
    path = record(tmp_path / "a", tinier(), 1.0)
    shutil.copytree(path, tmp_path / "b")
    with pytest.raises(UserError, match=f"^{path} and {tmp_path}/b have the same seed, 0,"):
        plot_curves([path, tmp_path / "b"], "map_mse")


def test_a_metric_that_one_of_the_runs_lacks_is_refused(tmp_path: Path) -> None:
    paths = [record(tmp_path / "a", tinier(), 1.0), record(tmp_path / "b", tinier(seed=1), 1.0, name="return")]
    with pytest.raises(UserError, match=f"{paths[1]} has no metric 'probes/map_mse'; it has: update, frames, return"):
        plot_curves(paths, "map_mse")


@pytest.mark.parametrize("metric", ["map_mse", "probes/map_mse", "value_loss", "kl", "return", "acting/entropy"])
def test_an_old_file_of_metrics_is_drawn_also_where_it_goes_on_in_the_new_way(tmp_path: Path, metric: str) -> None:
    folder = RunFolder.create(tmp_path / "run", tinier_acting().to_dict())
    shutil.copy(OLD, folder.metrics)
    assert len(drawn([folder.path], metric)[0]) == 1
    *_, last = OLD.read_text().splitlines()
    new = {"update": 125, "frames": 128000, "probes/map_mse": 0.5, "acting/value_loss": 0.5, "frame_model/kl": 0.5}
    with folder.metrics.open("a") as file:
        file.write(json.dumps(new | {"return": 1.0, "acting/entropy": 0.5, "frame_model/new": 0.5}) + "\n")
    columns = metric_columns(folder.metrics)
    assert columns["probes/map_mse"][[-2, -1]].tolist() == [json.loads(last)["map_mse"], 0.5]
    assert np.isnan(columns["frame_model/new"]).tolist() == [True] * 4 + [False]
    assert "map_mse" not in columns
    curves, _ = drawn([folder.path], metric)
    assert all(np.isfinite(value) for value in curves.values())


def test_a_level_is_drawn_and_told_when_each_setting_comes_to_it(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", tinier().to_dict())
    written = [{"update": i, "frames": 10 * i, "return": float(i > 2)} for i in range(1, 7)]
    folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in written))
    told: list[str] = []
    (axes,) = plot_curves([folder.path], "return", tell=told.append, reach=0.1).axes
    x = 20 + 10 * 0.1 * 11 / 2  # the moving average takes 2/11 of the first 1
    assert told[1] == f"RandomCity, tiny: return 0.1 after {x:,.0f} frames (moving average)"
    assert [line.get_label() for line in axes.lines] == ["RandomCity, tiny (1 seed, so no region)", "0.1"]
    plot_curves([folder.path], "return", tell=told.append, reach=2)
    assert told[3] == "RandomCity, tiny: return 2 not reached in 60 frames (moving average)"


def test_curves_run_over_seconds_of_computing(tmp_path: Path) -> None:
    def timed(name: str, config: Config, learn: float) -> Path:
        folder = RunFolder.create(tmp_path / name, config.to_dict())
        stages = {"act": 0.5, "step": 0.25, "draw": 0.25, "queue": 0.0, "learn": learn}
        written = [
            {"update": update, "frames": 10 * update, "return": 1.0, **{f"seconds/{k}": v for k, v in stages.items()}}
            for update in (2, 4, 8)
        ]
        folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in written))
        return folder.path

    serial, beside = timed("a", tinier_acting(), 1.0), timed("b", tinier_acting(executor="threads"), 3.0)
    told: list[str] = []
    axes = plot_curves([serial], "return", tell=told.append, over="seconds").axes[0]
    assert axes.get_xlabel() == "seconds"
    assert [axes.lines[0].get_xdata()[place] for place in (0, -1)] == pytest.approx([4, 16]), "each update takes two"
    axes = plot_curves([beside], "return", over="seconds").axes[0]
    assert axes.lines[0].get_xdata()[-1] == pytest.approx(24), "the learner's, since actors work beside it"
    slow = timed("c", tinier_acting(seed=1), 4.0)
    plot_curves([serial, slow], "return", tell=told.append, over="seconds")
    assert told[-1].endswith("up to second 16, where the shortest ends, not to 40")


def test_a_run_that_did_not_record_its_seconds_has_no_curve_over_them(tmp_path: Path) -> None:
    path = record(tmp_path / "run", tinier_acting(), 1.0, name="return")
    with pytest.raises(UserError, match=r"run: the run's metrics lack seconds/queue, .* no curve over seconds"):
        plot_curves([path], "return", over="seconds")
