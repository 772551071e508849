"""What metrics were called, and are."""

import json
import math
from pathlib import Path

import pytest

from simcore.common.errors import UserError
from simcore.runs import current_names, read_metrics, resolve_metric
from simcore.runs.metric_names import CURRENT_NAMES

NAMES = ("frames", "return", "acting/loss", "frame_model/loss", "frame_model/kl", "map_model/kl", "probes/map_mse")


def test_no_metric_has_the_old_name_of_another() -> None:
    assert len(set(CURRENT_NAMES.values())) == len(CURRENT_NAMES)
    assert not set(CURRENT_NAMES) & set(CURRENT_NAMES.values())


def test_a_file_that_was_begun_by_an_older_version_has_todays_names_alone(tmp_path: Path) -> None:
    lines = [
        {"update": 1, "loss": 1.0, "lag/mean": 0.0, "map_kl": None},
        {"update": 2, "frame_model/loss": 2.0, "lag/mean": 1.0, "map_model/kl": 3.0},
    ]
    file = tmp_path / "metrics.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    old, new = read_metrics(file)
    assert new == lines[1]
    assert set(old) == set(new)
    assert old["frame_model/loss"] == 1.0
    assert math.isnan(old["map_model/kl"])


def test_the_newer_name_holds_whichever_comes_first() -> None:
    assert current_names({"kl": 1, "frame_model/kl": 2}) == current_names({"frame_model/kl": 2, "kl": 1})
    assert current_names({"kl": 1, "frame_model/kl": 2}) == {"frame_model/kl": 2}


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("return", "return"),
        ("probes/map_mse", "probes/map_mse"),
        ("map_mse", "probes/map_mse"),
        ("loss", "frame_model/loss"),
        ("kl", "frame_model/kl"),
        ("map_kl", "map_model/kl"),
    ],
)
def test_whole_old_and_short_names_are_understood(asked: str, meant: str) -> None:
    assert resolve_metric(asked, NAMES) == meant


def test_what_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(UserError, match="there is no metric 'fun'; there are: frames, return, acting/loss"):
        resolve_metric("fun", NAMES)
    without_a_model = ("acting/loss", "probes/loss")
    with pytest.raises(UserError, match="several metrics are named 'loss': acting/loss, probes/loss; name one"):
        resolve_metric("loss", without_a_model)
    assert resolve_metric("loss", ("probes/loss",)) == "probes/loss"
