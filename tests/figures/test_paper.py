"""The paper's figures from recorded runs, and what they say where runs are missing."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from grey_rollouts import check_words
from PIL import Image

from simcore.analysis import loaded_run
from simcore.analysis.decoded import DecodedMaps, decoded_maps, trajectory_error
from simcore.analysis.frames import frame_variance
from simcore.analysis.loaded_run import LoadedRun
from simcore.analysis.loading import load_run
from simcore.analysis.map_view import MapView
from simcore.analysis.measuring import measure
from simcore.analysis.scores import Scores
from simcore.cli import main
from simcore.common.errors import UserError
from simcore.common.progress import Advance
from simcore.config.presets import preset
from simcore.figures import paper
from simcore.figures.kappa import Point, kappa_figure
from simcore.figures.map_samples import map_samples_figure
from simcore.figures.paper import PAPER_FIGURES, plot_paper_figure
from simcore.runs import RunFolder
from simcore.training.loop import train
from tinier import tinier, tinier_acting


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    configs = {
        "one": tinier(learning__updates=2),
        "kappa": tinier(learning__updates=2, geco__kappa=0.01),
        "short": tinier(learning__updates=2, simulation__overshoot=1),
        "kanerva": tinier(learning__updates=2, core="kanerva", seed=3),
        "another": tinier(learning__updates=2, geco__kappa=0.01, learning__learning_rate=5e-4, seed=1),
        "kappa-3": tinier(learning__updates=2, geco__kappa=0.01, seed=3),
        "longer": tinier(learning__updates=3, simulation__overshoot=1),
        "food": tinier_acting(learning__updates=2, world__amount=1),
    }
    folder = tmp_path_factory.mktemp("runs")
    for name, config in configs.items():
        train(config, RunFolder.create(folder / name, config.to_dict()))
    return {name: folder / name for name in configs}


@pytest.mark.parametrize(
    ("number", "names"),
    [
        ("9", ["one", "kappa"]),
        ("10", ["one", "short", "kanerva"]),
        ("11", ["food"]),
        ("12", ["food"]),
        ("13", ["food"]),
        ("14", ["one"]),
    ],
)
def test_each_figure_is_drawn_as_png_and_pdf(
    number: str, names: list[str], runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["figure", number, *(str(runs[name]) for name in names), "--out", str(tmp_path / "figure"), "--device", "cpu"])
    assert "figure.pdf" in capsys.readouterr().out
    with Image.open(tmp_path / "figure.png") as picture:
        assert np.asarray(picture).std() > 5
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("number", sorted(PAPER_FIGURES))
def test_missing_runs_are_named_with_the_command_that_makes_them(number: str, tmp_path: Path) -> None:
    for paths in ([], [tmp_path / "gone"]):
        with pytest.raises(UserError, match=rf"figure {number} wants .*, for instance: simcore train ") as caught:
            plot_paper_figure(number, paths)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", sorted(PAPER_FIGURES))
def test_the_commands_that_are_named_are_understood(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []
    monkeypatch.setattr("simcore.commands.Train.execute", lambda self: trained.append(self.config))
    words = PAPER_FIGURES[number].make.split()
    main(words[1:])
    assert trained[0].level == words[2]
    assert preset("tiny", words[2]).world == trained[0].world


@pytest.mark.parametrize(
    ("number", "names", "complaint"),
    [
        ("9", ["one"], "do not differ in κ"),
        (
            "9",
            ["one", "another"],
            "these runs differ in learning.learning_rate; beside the seed ",
        ),
        ("9", ["one", "kanerva", "kappa"], "these runs differ in core; "),
        ("9", ["one", "kappa", "kappa"], "kappa is given twice; give each run once"),
        ("10", ["one", "food"], "same world"),
        (
            "10",
            ["one", "longer"],
            "the runs of generative, lstm differ in learning.updates; ",
        ),
        ("10", ["one", "kappa"], "the runs of generative, lstm differ in geco.kappa; "),
        ("12", ["one", "kappa"], "2 runs"),
        ("13", ["one", "kappa"], "two of these runs are of RandomCity"),
    ],
)
def test_runs_that_do_not_fit_are_refused(number: str, names: list[str], complaint: str, runs: dict[str, Path]) -> None:
    with pytest.raises(UserError, match=complaint):
        plot_paper_figure(number, [runs[name] for name in names], "cpu")


def test_all_models_of_figure_10_meet_the_same_worlds(runs: dict[str, Path]) -> None:
    loaded = [load_run(RunFolder.open(runs[name]), "cpu") for name in ("one", "kanerva")]
    one, other = (decoded_maps(run, 5, seed=1, worlds=8) for run in loaded)
    for true, same in zip(one.true, other.true, strict=True):
        assert torch.equal(true, same)
    assert not torch.equal(one.decoded.pictures, other.decoded.pictures)


@pytest.mark.parametrize(("name", "step"), [("paper", 70), ("small", 42), ("tiny", 28)])
def test_figure_10_shows_step_70_of_100_frames(name: str, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(run: LoadedRun, step: int, seed: int, worlds: int) -> DecodedMaps:
        raise UserError(f"{step} {worlds}")

    monkeypatch.setattr(paper, "decoded_maps", decoded)
    monkeypatch.setattr(paper, "train_probes", lambda runs, advance: None)
    configs = [
        replace(preset(name), simulation=replace(preset(name).simulation, overshoot=each)) for each in (1, 2, 3, 4)
    ]
    runs = [cast(LoadedRun, SimpleNamespace(config=config, update=1)) for config in configs]
    for shown, worlds in ((runs[:1], 8), (runs[:3], 8), (runs, 6)):
        with pytest.raises(UserError, match=f"{step} {worlds}"):
            paper.draw_map_samples(shown, seed=0)


def test_figure_12_shows_one_episode(runs: dict[str, Path]) -> None:
    run = load_run(RunFolder.open(runs["food"]), "cpu")
    lengths = set()
    for seed in range(8):
        shown = trajectory_error(run, seed)
        lengths.add(len(shown.errors))
        assert len(shown.frames) == len(shown.errors) == len(shown.constant) == len(shown.believed.cells)
    assert len(lengths) > 1, "some episodes end sooner, by their food eaten"


def test_figure_9_bears_one_seed_and_several() -> None:
    points = [Point(1e-3, 0.01), Point(1e-3, 0.012), Point(1e-2, 0.02)]
    axes = kappa_figure(points, 0.03, "title").axes[0]
    bars = axes.containers[0]
    assert list(bars.lines[0].get_xdata()) == [1e-3, 1e-2]
    assert bars.lines[0].get_ydata() == pytest.approx([0.011, 0.02])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.001", "0.01"]


def test_figure_9_measures_all_runs_in_the_same_worlds(runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def measured(run: LoadedRun, controls: Sequence[str], advance: Advance) -> dict[str, Scores]:
        seeds.append(run.config.seed)
        return measure(run, 4, controls=controls, advance=advance)

    monkeypatch.setattr(paper, "measure", measured)
    loaded = [load_run(RunFolder.open(runs[name]), "cpu") for name in ("one", "kappa-3")]
    paper.draw_kappa(loaded, seed=5)
    assert seeds == [5, 5]


@pytest.mark.parametrize(("number", "names"), [("9", ["one", "kappa"]), ("10", ["one", "short"]), ("12", ["food"])])
def test_a_figure_tells_of_the_probes_that_it_trains(
    number: str, names: list[str], runs: dict[str, Path], tmp_path: Path
) -> None:
    paths = [Path(shutil.copytree(runs[name], tmp_path / name)) for name in names]
    for path in paths:
        shutil.rmtree(path / "probes", ignore_errors=True)
    told: list[tuple[str, float]] = []
    plot_paper_figure(number, paths, "cpu", advance=lambda text, part: told.append((text, part)))
    assert [part for text, part in told if text == "runs"] == [place / len(names) for place in range(len(names))]
    assert [part for text, part in told if text == "probes of the belief"].count(1.0) == len(names)
    told.clear()
    plot_paper_figure(number, paths, "cpu", advance=lambda text, part: told.append((text, part)))
    assert {text for text, _ in told} == {"runs"}, "they are kept"


def test_figure_9_takes_no_copy_for_another_seed(runs: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(runs["kappa"], tmp_path / "copy")
    with pytest.raises(UserError, match="run 2 and run 3 have the same seed, 0, and have one configuration"):
        plot_paper_figure("9", [runs["one"], runs["kappa"], tmp_path / "copy"], "cpu")


def test_rows_of_figure_10_say_what_else_differs(runs: dict[str, Path]) -> None:
    one, kanerva, another = (load_run(RunFolder.open(runs[name]), "cpu") for name in ("one", "kanerva", "kappa-3"))
    models = {"generative, lstm": [one], "generative, kanerva": [kanerva]}
    assert paper.row_names(models) == list(models)
    assert paper.row_names({"a": [another], "b": [kanerva]}) == ["a, kappa = 0.01", "b, kappa = 0.001"]


def test_figure_10_names_a_model_that_has_one_overshoot_alone() -> None:
    pictures, none = torch.zeros(2, 3, 3, 3, dtype=torch.uint8), torch.zeros(2, 3, 3, dtype=torch.int32)
    view = MapView(pictures, none, torch.zeros(2, dtype=torch.int64), torch.zeros(2), torch.ones(2))
    maps = DecodedMaps(view, view)
    figure = map_samples_figure({"both": {1: maps, 6: maps}, "long": {6: maps}}, 5, "title")
    names = [text.get_text() for text in figure.texts]
    assert [name for name in names if name in ("true", "both", "long")] == ["true", "both", "long"]
    check_words(figure)
    assert len(figure.axes) == 2 * (2 + 2 + 1), "two worlds; true maps, both and long; but long once"


def test_figure_9_tells_kappa_as_a_share_of_the_frames_variance(
    runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = load_run(RunFolder.open(runs["one"]), "cpu")
    variance = frame_variance(run)
    frames = run.collect("frames' variance/0", 256, 9).frames.numpy().reshape(-1, 8 * 8 * 3) / 255
    assert variance == pytest.approx(frames.var(axis=0).mean())
    monkeypatch.setattr(loaded_run, "worlds_per_batch", lambda config, rows: 100)
    assert frame_variance(run) == pytest.approx(variance, rel=0.1), "in other worlds, 100 at a time"
    assert [trajectory.frames.shape[1] for trajectory in run.collect_each("any", 256, 2)] == [100, 100, 56]
    monkeypatch.undo()
    figure = paper.draw_kappa([run, load_run(RunFolder.open(runs["kappa"]), "cpu")], seed=0)
    upper = figure.axes[0].child_axes[0]
    figure.draw_without_rendering()
    assert [label.get_text() for label in upper.get_xticklabels()] == [
        f"{kappa / variance:.1%}" for kappa in (1e-3, 1e-2)
    ]
