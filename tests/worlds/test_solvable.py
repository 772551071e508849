import pytest
from solver import SOLVERS, play

from simcore.worlds import LEVELS, make_vector


@pytest.mark.parametrize("name", sorted(SOLVERS))
def test_a_scripted_solver_eats_all_the_food_of_a_hundred_seeds(name):
    worlds = make_vector(name, 100, frame_size=4)
    totals, terminated, steps = play(worlds, seed=0)
    assert (totals == worlds.config.amount).all()
    assert terminated.all()
    assert steps.max() < worlds.config.episode_length


def test_every_level_with_food_has_a_solver():
    assert SOLVERS.keys() == LEVELS.keys() - {"RandomCity"}
