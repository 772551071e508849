"""The course of a run: reading its metrics."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from simcore.common.errors import UserError
from simcore.figures import columns_over_frames, course_figure, metric_columns
from simcore.figures.course import scale_by_decades


def test_metrics_are_read_line_by_line_and_a_null_is_nan(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text("".join(json.dumps({"update": i, "kl": kl}) + "\n" for i, kl in ((5, 1.5), (10, None))))
    metrics = metric_columns(file)
    assert metrics["update"].tolist() == [5, 10]
    assert metrics["frame_model/kl"][0] == 1.5
    assert np.isnan(metrics["frame_model/kl"][1])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "there is no"),
        ("", "no metrics yet"),
        ('{"update": 1, "kl": 1', "no metrics yet"),
        ('{"kl": 1}\n{"error": 2}\n', "damaged"),
    ],
)
def test_metrics_that_cannot_be_read_are_one_clear_line(tmp_path: Path, text: str | None, complaint: str) -> None:
    file = tmp_path / "metrics.jsonl"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=complaint):
        metric_columns(file)


@pytest.mark.parametrize("second", ["{}", '{"frames": null}', '{"frames": 5}', '{"frames": 4}'])
def test_a_curve_over_frames_wants_them_in_every_line_and_growing(tmp_path: Path, second: str) -> None:
    file = tmp_path / "metrics.jsonl"
    lines = [{"update": 1, "frames": 5}, {"update": 2, **json.loads(second)}]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UserError, match=r"the frames in .*metrics\.jsonl are missing in a line, or do not grow"):
        columns_over_frames(file)


@pytest.mark.parametrize("reconstructs", [True, False])
def test_kappa_and_lambda_are_drawn_where_they_have_a_meaning(reconstructs: bool) -> None:
    values = {
        "frames": 1.0,
        "frame_model/error": 0.5,
        "frame_model/kl": float(reconstructs),
        "frame_model/lambda": 1.0,
    }
    metrics = {name: np.array([value, value]) for name, value in values.items()}
    figure = course_figure(metrics, {}, 1e-3 if reconstructs else None, "")
    panels = {panel.get_title(): panel for panel in figure.axes if panel.get_visible()}
    if reconstructs:
        assert list(panels) == ["reconstruction error (dashed: κ)", "KL, nats a dimension", "λ"]
        assert panels["reconstruction error (dashed: κ)"].lines[-1].get_linestyle() == "--"
    else:
        assert list(panels) == ["error of the contrastive model, nats"]
        assert len(panels["error of the contrastive model, nats"].lines) == 2


@pytest.mark.parametrize(("low", "high", "scale"), [(50.0, 60.0, "linear"), (0.004, 0.2, "log")])
def test_axes_have_plain_numbers_and_decades_only_where_there_are_any(low: float, high: float, scale: str) -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.plot([low, high])
    scale_by_decades(axes)
    FigureCanvasAgg(figure).draw()
    assert axes.get_yscale() == scale
    labels = [label.get_text() for label in axes.get_yticklabels(which="both") if label.get_text()]
    assert len(labels) >= 3
    for label in labels:
        assert float(label) > 0, "and not, for instance, 6 x 10^1"


def test_the_smoothed_map_error_is_within_its_axis_where_it_has_settled() -> None:
    metrics = {"frames": np.arange(24.0), "probes/map_mse": np.linspace(1.0, 0.5, 24) ** 4}
    axes = course_figure(metrics, {}, None, "").axes[0]
    smoothed = np.asarray(axes.lines[1].get_ydata())
    low, high = axes.get_ylim()
    assert (low < smoothed[12:]).all()
    assert (smoothed[12:] < high).all()
