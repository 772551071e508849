import pytest
from solver import SOLVERS, play

from simcore.worlds import LEVELS, make_vector


def assert_solved(name, count, seed):
    worlds = make_vector(name, count, frame_size=4)
    totals, terminated, steps = play(worlds, seed)
    assert (totals == worlds.config.amount).all()
    assert terminated.all()
    assert steps.max() < worlds.config.episode_length


@pytest.mark.parametrize("name", SOLVERS)
def test_a_scripted_solver_eats_all_the_food_of_a_hundred_seeds(name):
    assert_solved(name, 100, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOLVERS)
def test_and_of_a_thousand_more(name):
    for seed in range(100, 1100, 100):
        assert_solved(name, 100, seed)


def test_every_level_with_food_has_a_solver():
    assert SOLVERS.keys() == LEVELS.keys() - {"RandomCity"}
