"""The tables of scores: spans of ages, and what is not told where there is nothing to score."""

import math

import numpy as np
import pytest

from simcore.analysis.scores import ErrorByAge, Scores, SquaredError, age_spans
from simcore.figures.knowledge import error_by_age_table, knowledge_table


@pytest.mark.parametrize("length", [1, 2, 4, 5, 16, 100, 2001])
def test_ages_cover_an_episode_without_gap_or_overlap(length: int) -> None:
    spans = age_spans(length)
    assert [step for first, last in spans for step in range(first, last + 1)] == list(range(length))


def test_ages_are_parted_where_cells_count_as_old() -> None:
    assert age_spans(100) == [(0, 0), (1, 3), (4, 9), (10, 19), (20, 39), (40, 79), (80, 99)]


def test_where_no_cell_counts_or_the_guess_has_no_error_a_table_has_a_dash() -> None:
    one, none = np.ones((1, 1)), np.zeros((1, 1), np.int64)
    errors = {"map_mse": SquaredError(0 * one, none + 1), "map_mse_old": SquaredError(0 * one, none)}
    scores = Scores(errors, {}, ErrorByAge(0 * one, none + 1))
    assert math.isnan(errors["map_mse_old"].mse())
    tables = [
        knowledge_table({"belief": scores, "constant": scores}, ""),
        error_by_age_table({"constant": scores, "belief": scores}),
    ]
    cells = [[list(column.cells) for column in table.columns[1:]] for table in tables if table is not None]
    assert cells == [[["–", "–", "0.00000"], ["–", "–", "–"]], [["–"]]]
