"""The spans in which the ages of cells are put together."""

import pytest

from simcore.figures.knowledge import ages


@pytest.mark.parametrize("length", [1, 2, 4, 5, 16, 100, 2001])
def test_ages_cover_an_episode_without_gap_or_overlap(length: int) -> None:
    spans = ages(length)
    assert [step for first, last in spans for step in range(first, last + 1)] == list(range(length))


def test_ages_are_parted_where_cells_count_as_old() -> None:
    assert ages(100) == [(0, 0), (1, 3), (4, 9), (10, 19), (20, 39), (40, 79), (80, 99)]
