"""What the truth and the probes say of a map, as it is looked at."""

import pytest
import torch

from simcore.analysis.map_view import NOWHERE, believed_view, true_view
from simcore.data.targets import TargetValues

STEPS, WORLDS, SIZE, HEADINGS = 3, 2, 5, 8


@pytest.fixture
def truth() -> TargetValues:
    random = torch.Generator().manual_seed(0)
    return {
        "map": torch.randint(0, 256, (STEPS, WORLDS, SIZE, SIZE, 3), generator=random, dtype=torch.uint8),
        "since_seen": torch.randint(-1, 3, (STEPS, WORLDS, SIZE, SIZE), generator=random, dtype=torch.int32),
        "cell": torch.randint(0, SIZE * SIZE, (STEPS, WORLDS), generator=random),
        "heading": torch.tensor([[0, 1], [2, 4], [6, 7]]),
    }


def test_the_true_place_is_certain_and_its_heading_in_degrees(truth: TargetValues) -> None:
    view = true_view(truth, HEADINGS)
    assert torch.equal(view.pictures, truth["map"])
    assert torch.equal(view.cells, truth["cell"])
    assert view.headings.tolist() == [[0, 45], [90, 180], [270, 315]]
    assert (view.certainty == 1).all()
    one = view.at(2, 1)
    assert one.pictures.shape == (SIZE, SIZE, 3)
    assert one.headings == 315


def test_the_believed_place_is_the_most_likely_one(truth: TargetValues) -> None:
    cells = torch.zeros(STEPS, WORLDS, SIZE * SIZE)
    cells[1, 0, 7] = torch.log(torch.tensor(24.0))  # as likely as all others together
    headings = torch.zeros(STEPS, WORLDS, HEADINGS)
    headings[1, 0, 3] = 1.0
    maps = torch.full((STEPS, WORLDS, SIZE, SIZE, 3), 0.5)
    maps[..., 0, 0, :] = torch.tensor([-1.0, 2.0, 1.0])
    view = believed_view({"map": maps, "cell": cells, "heading": headings}, truth["since_seen"])
    assert view.cells[1, 0] == 7
    assert view.certainty[1, 0] == pytest.approx(0.5)
    assert view.certainty[0, 0] == pytest.approx(1 / 25)
    assert view.headings[1, 0] == 135
    assert view.pictures[2, 1, 0, 0].tolist() == [0, 255, 255]
    assert view.pictures[2, 1, 3, 4].tolist() == [128, 128, 128]


@pytest.mark.parametrize("frame", ["world", "ego"])
def test_a_place_in_the_starts_frame_is_marked_in_no_other(truth: TargetValues, frame: str) -> None:
    read = {
        "map": truth["map"] / 255.0,
        "cell": torch.zeros(STEPS, WORLDS, SIZE * SIZE),
        "heading": torch.zeros(STEPS, WORLDS, HEADINGS),
    }
    for view in (true_view(truth, HEADINGS, frame), believed_view(read, truth["since_seen"], frame)):
        assert (view.cells == NOWHERE).all()
        assert torch.equal(view.pictures, truth["map"])
