"""What an agent leaves lying: whether the belief tells food from none, counted on cells that were seen so long ago."""

import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks.failures import COLOUR, Episodes, main, play
from simcore.analysis.loading import load
from simcore.analysis.maps import Maps
from simcore.common.errors import UserError
from tinier import tinier, tinier_acting
from trained import trained_run


def episodes(likeness: list[float], food: list[int], since_seen: list[int]) -> Episodes:
    """Return one step of one world, with a map of one row."""
    tensors = (torch.tensor(values)[None, None, None] for values in (food, since_seen, likeness))
    some, since, like = tensors
    return Episodes(some.bool(), since, {"belief": like}, [1], Maps(torch.empty(0), [1], None, None, [], None))  # type: ignore[arg-type]


def test_food_is_told_apart_where_the_map_looks_more_like_it() -> None:
    told = episodes([0.9, 0.5, 0.1, 0.5, 9.0], food=[1, 1, 0, 0, 0], since_seen=[10, 12, 11, 40, 3]).told
    # 0.9 is above both cells without food, 0.5 above one and equal to the other; the last cell was seen lately
    assert told("belief", 10) == pytest.approx((1 + 0.75) / 2)
    assert told("belief", 10, 11) == 1.0
    assert math.isnan(told("belief", 0, 0))


def test_what_is_left_is_counted_on_the_true_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained_run(tmp_path / "run", tinier_acting(learning__updates=1))
    with torch.no_grad():
        played = play(load(tmp_path / "run", "cpu"), 4)
    assert (played.maps.true.pictures[played.food] == COLOUR).all()
    assert 0 < played.food[0].sum() <= 4 * 2
    assert all(
        left >= on_map for left, on_map in zip(played.pieces, played.food[played.ends].sum(dim=(1, 2)), strict=True)
    )
    with torch.no_grad():
        main([str(tmp_path / "run"), "--worlds", "4", "--out", str(tmp_path / "worst.png")])
    said = capsys.readouterr().out
    assert "pieces left in an episode" in said
    assert "out of sight for 10+, untrained" in said
    with Image.open(tmp_path / "worst.png") as picture:
        assert picture.width > 500


def test_a_city_has_no_food(tmp_path: Path) -> None:
    trained_run(tmp_path / "run", tinier(learning__updates=1))
    with torch.no_grad(), pytest.raises(UserError, match="there is no food in RandomCity"):
        play(load(tmp_path / "run", "cpu"), 2)
