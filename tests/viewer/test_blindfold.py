"""Blindfolded, a belief goes on by what the simulation core imagines."""

import numpy as np
import pytest

from scenes import longer, scene_of, untrained
from simcore.common.errors import UserError
from simcore.viewer.scene import Plan, Scene
from tinier import tinier, tinier_acting


def test_a_branch_of_a_blindfolded_moment_is_blindfolded() -> None:
    scene = scene_of(longer(tinier()))
    scene.blindfold(True)
    scene.step(0), scene.step(0)
    scene.blindfold(False)
    scene.step(0)
    scene.look(2)
    assert scene.step(0).is_blind


def test_blindfolded_the_simulation_core_goes_on_from_the_last_belief() -> None:
    run = untrained(longer(tinier(core="slots")))
    scene, session = Scene([run]), run.session(batch=1)
    worlds = run.make_worlds(1)
    session.observe(*worlds.reset(seed=0))
    scene.blindfold(True)
    for action in (0, 1, 0):
        moment = scene.step(action)
        session.step_blind([action])
        assert moment.is_blind
        ahead = scene.watchers[0].simulate([2, 0])
        np.testing.assert_allclose(ahead, session.simulate([[2], [0]]), atol=1e-5)


def test_blindfolded_the_belief_does_not_depend_on_what_came() -> None:
    config = longer(tinier())
    scenes = [scene_of(config, seed=0), scene_of(config, seed=0)]
    for scene in scenes:
        scene.step(0)
        scene.blindfold(True)
    other_worlds = scenes[1].world
    other_worlds.worlds.reset(seed=99)  # another city, behind the blindfold
    for _ in range(3):
        one, other = (scene.step(0).beliefs[0] for scene in scenes)
        np.testing.assert_array_equal(one.expected, other.expected)
        np.testing.assert_array_equal(one.map, other.map)


def test_without_the_blindfold_the_belief_goes_on_from_what_it_imagined() -> None:
    scene = scene_of(longer(tinier()))
    scene.blindfold(True)
    dreamt = [scene.step(0).beliefs[0].expected for _ in range(2)]
    scene.blindfold(False)
    moment = scene.step(1)
    session = scene.runs[0].session(batch=1)
    worlds = scene.runs[0].make_worlds(1)
    session.observe(*worlds.reset(seed=0))
    no = np.zeros(1, np.bool_)
    for frame, action in zip([*dreamt, moment.frame], (0, 0, 1), strict=True):
        belief = session.observe(frame[None], np.zeros(1), no, no, {}, action=[action])
    np.testing.assert_array_equal(moment.beliefs[0].map, belief.map[0])


@pytest.mark.parametrize("model", ["contrastive", "none"])
def test_without_frames_of_its_own_a_belief_is_not_blindfolded(model: str) -> None:
    scene = scene_of(longer(tinier_acting(frame_model=model)))
    moment = scene.step()
    assert moment.beliefs[0].expected is None
    assert np.isfinite(moment.beliefs[0].error) == (model == "contrastive")
    assert list(scene.imagine(Plan("agent"))) == []
    with pytest.raises(UserError, match="model that makes frames"):
        scene.blindfold(True)
