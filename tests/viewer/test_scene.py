"""The scene: what is shown is what the session and the world say, and the past can be gone back to."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from scenes import longer, scene_of, untrained
from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.viewer import scene as scenes
from simcore.viewer.guess import Guess
from simcore.viewer.moment import Futures, Moment
from simcore.viewer.scene import Plan, Scene
from simcore.worlds import BridgeConfig, RandomCityConfig, Walker
from simcore.worlds.gym import GymConfig
from tinier import changed, tinier, tinier_acting

FOREIGN = replace(tinier_acting(), level="MiniGrid-Empty-5x5-v0", world=GymConfig(frame_size=8))


BRIDGE = replace(tinier_acting(), level="Bridge", world=BridgeConfig(size=9, frame_size=8, episode_length=20))


def futures_of(scene: Scene, plan: Plan, **sizes: int) -> Futures:
    """Imagine to the end."""
    *_, last = scene.imagine(plan, **sizes)
    assert last is not None
    return last


def alike(one: Any, other: Any) -> None:
    """Check that two moments show the same."""
    for a, b in zip(
        torch.utils._pytree.tree_leaves(flat(one)), torch.utils._pytree.tree_leaves(flat(other)), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def flat(moment: Moment) -> list[Any]:
    """Return what a moment shows, but for what was sampled."""
    assert moment.place is not None
    beliefs = [[belief.map, belief.cell, belief.heading, belief.map_error] for belief in moment.beliefs]
    return [moment.step, moment.seed, moment.frame, list(moment.place), beliefs]


@pytest.mark.parametrize("core", ["lstm", "slots", "kanerva"])
def test_it_shows_what_the_session_believes(core: str) -> None:
    run = untrained(tinier(core=core))
    scene = Scene([run], seed=3)
    env, session = run.make_env(), run.session()
    belief = session.observe(*env.reset(seed=3))
    alike_belief(scene.present, belief)
    for action in (0, 3, 1, 0):
        moment = scene.step(action)
        returned = env.step(action)
        belief = session.observe(*returned)
        np.testing.assert_array_equal(moment.frame, returned[0])
        alike_belief(moment, belief)
        info = returned[4]
        assert moment.place is not None
        assert (moment.place.cell, moment.place.heading) == (info["cell"], info["heading_index"])
        np.testing.assert_array_equal(moment.place.map, info["map"])
        np.testing.assert_array_equal(moment.place.since_seen, info["since_seen"])
        assert moment.beliefs[0].cell_probability == pytest.approx(belief.cell_probabilities[info["cell"]])
        error = np.square(belief.map / 255 - info["map"] / 255).mean()
        assert moment.beliefs[0].map_error == pytest.approx(error, rel=1e-4)


def alike_belief(moment: Moment, belief: Any) -> None:
    np.testing.assert_array_equal(moment.beliefs[0].map, belief.map)
    np.testing.assert_allclose(moment.beliefs[0].cell, belief.cell_probabilities, atol=1e-6)
    np.testing.assert_allclose(moment.beliefs[0].heading, belief.heading_probabilities, atol=1e-6)


def test_surprise_is_the_models_kl_given_the_state_one_step_ahead() -> None:
    run = untrained(tinier())
    scene, session = Scene([run]), run.session(batch=1)
    worlds = run.make_worlds(1)
    session.observe(*worlds.reset(seed=0))
    state = session.simulate([[2]])[0]
    moment = scene.step(2)
    assert run.system.simulation is not None
    frame = torch.from_numpy(moment.frame)[None]
    with torch.no_grad():
        kls = [float(run.system.simulation.frame_model.loss(frame, state).kl[0]) * frame.numel() for _ in range(40)]
    assert min(kls) <= moment.beliefs[0].surprise <= max(kls)
    expected = moment.beliefs[0].expected
    assert expected is not None
    assert moment.beliefs[0].error == pytest.approx(np.square(expected / 255 - moment.frame / 255).mean(), rel=1e-4)


def test_the_walker_goes_where_it_would_go_in_the_worlds_themselves() -> None:
    scene = scene_of(longer(tinier()))
    assert scene.driver == "walker"
    planned = futures_of(scene, Plan("walker"), samples=1, steps=20)
    walked = [scene.step() for _ in range(20)]
    assert planned.actions == tuple(moment.action for moment in walked)
    assert planned.true is not None
    np.testing.assert_array_equal(planned.true, [moment.frame for moment in walked])


def test_a_greedy_look_ahead_leaves_world_and_belief_where_they_are() -> None:
    config = longer(tinier_acting(core="slots"))
    one, other = scene_of(config), scene_of(config)
    for _ in range(6):
        futures_of(one, Plan("agent"), samples=2, steps=5)
        alike(one.step(), other.step())


def test_the_agents_plan_is_what_it_does_then() -> None:
    scene = scene_of(longer(tinier_acting()))
    planned = futures_of(scene, Plan("agent"), samples=1, steps=6)
    acted = [scene.step() for _ in range(6)]
    assert planned.actions == tuple(moment.action for moment in acted)


def test_futures_are_samples_along_the_plan() -> None:
    scene = scene_of(longer(tinier()))
    futures = futures_of(scene, Plan("you", 1), samples=3, steps=4)
    assert futures.actions == (1, 1, 1, 1)
    (samples,) = futures.samples
    (spread,) = futures.spread
    assert samples is not None
    assert spread is not None
    assert samples.shape == (3, 4, 8, 8, 3)
    deviation = 2 * samples.astype(float).std(axis=0).mean(axis=-1)
    np.testing.assert_allclose(spread, np.minimum(deviation, 255), atol=1.01)


def test_futures_end_with_the_episode() -> None:
    scene = scene_of(tinier())  # 8 steps
    for _ in range(5):
        scene.step()
    futures = futures_of(scene, Plan("walker"), samples=1, steps=12)
    assert len(futures.actions) == 3
    for _ in range(3):
        scene.step()
    assert scene.present.is_over
    assert list(scene.imagine(Plan("walker"))) == []


def test_the_world_after_an_episodes_end_is_that_of_the_next_seed() -> None:
    scene = scene_of(tinier(), seed=5)
    for _ in range(8):
        scene.step()
    after = scene.step()
    assert (after.seed, after.step, after.action, after.number) == (6, 0, None, 9)
    alike(after, scene_of(tinier(), seed=6).present)


@pytest.mark.parametrize("config", [longer(tinier(core="slots")), longer(tinier_acting(core="kanerva")), BRIDGE])
def test_a_branch_goes_on_as_if_nothing_had_been_after_it(config: Config) -> None:
    scene, fresh = scene_of(config), scene_of(config)
    shared = [0, 1, 0, 3]
    for action in [*shared, 2, 2, 2, 0]:
        scene.step(action)
    for action in shared:
        expected = fresh.step(action)
    alike(scene.look(4), expected)
    assert scene.is_looking_back
    for action in (1, 0, 0):
        alike(scene.step(action), fresh.step(action))
    assert not scene.is_looking_back
    assert [past.moment.number for past in scene.past] == list(range(8))


def test_looking_back_changes_nothing() -> None:
    scene, other = scene_of(longer(tinier())), scene_of(longer(tinier()))
    for _ in range(5):
        scene.step(0), other.step(0)
    scene.look(2)
    futures = futures_of(scene, Plan("you", 0), samples=1, steps=3)
    assert futures.number == 2
    assert futures.true is not None
    np.testing.assert_array_equal(futures.true, [past.moment.frame for past in list(scene.past)[3:]])
    scene.look(None)
    alike(scene.step(3), other.step(3))


def test_two_beliefs_in_one_world_are_what_each_is_alone() -> None:
    configs = [longer(tinier()), longer(tinier(core="slots"), seed=1)]
    both, alone = scene_of(*configs), [scene_of(config) for config in configs]
    for action in (0, 3, 1):
        moment = both.step(action)
        for belief, scene in zip(moment.beliefs, alone, strict=True):
            np.testing.assert_array_equal(belief.map, scene.step(action).beliefs[0].map)


@pytest.mark.parametrize(
    ("other", "unlike"),
    [
        (tinier_acting(), "RandomCity and Food"),
        (changed(tinier(), world__size=9), "differ in size"),
    ],
)
def test_runs_of_other_worlds_are_refused_beside(other: Config, unlike: str) -> None:
    with pytest.raises(UserError, match=unlike):
        scene_of(tinier(), other)


def test_a_foreign_world_has_neither_map_nor_walker_nor_past() -> None:
    scene = scene_of(FOREIGN)
    assert scene.drivers == ("you", "agent")
    assert scene.present.place is None
    assert scene.draw() is None
    for _ in range(3):
        moment = scene.step()
    assert moment.beliefs[0].map is None
    assert moment.beliefs[0].expected is not None
    futures = futures_of(scene, Plan("agent"), samples=2, steps=3)
    assert futures.true is None
    assert len(futures.actions) == 3
    scene.look(1)
    with pytest.raises(UserError, match="cannot be taken back"):
        scene.step(0)


def test_certainty_is_that_of_the_map_models_samples() -> None:
    scene = scene_of(longer(tinier(probes__map_convdraw=True)))
    certainty = scene.step(0).beliefs[0].certainty
    assert certainty is not None
    assert certainty.shape == (7, 7)
    assert 0 <= certainty.min() <= certainty.max() <= 1
    assert scene_of(tinier()).step(0).beliefs[0].certainty is None


def test_sharp_eyes_see_the_same_from_the_same_place() -> None:
    scene = scene_of(longer(tinier()))
    for _ in range(4):
        scene.step()
        sharp = scene.draw()
        assert sharp is not None
        assert sharp.shape == (256, 256, 3)
        # In the middle of each of the agent's pixels, sharp eyes see its colour.
        middles = sharp[16::32, 16::32]
        assert (np.abs(middles.astype(int) - scene.present.frame).max(axis=-1) < 40).mean() > 0.6


def test_the_guess_is_the_mean_of_other_worlds() -> None:
    run = untrained(tinier())
    guess = Guess.fit(run)
    assert guess.cell.sum() == pytest.approx(1, rel=1e-4)
    assert guess.cell.min() > 0
    worlds = run.make_worlds(300)
    _, info = worlds.reset(seed=7)
    mean = info["map"].mean(axis=0) / 255
    assert np.abs(guess.map - mean).mean() < 0.02
    better = np.mean([guess.error(each) for each in info["map"]])
    assert better < np.mean([np.square(each / 255 - 0.5).mean() for each in info["map"]])


@pytest.mark.parametrize("frame", ["world", "ego"])
def test_in_other_map_frames_no_place_is_marked(frame: str) -> None:
    config = replace(tinier(), world=RandomCityConfig(size=7, frame_size=8, episode_length=8, map_frame=frame))
    moment = scene_of(config).step()
    assert moment.place is not None
    assert np.isnan(moment.place.x)


def test_the_time_line_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "LONGEST", 5)
    scene = scene_of(longer(tinier()))
    for _ in range(9):
        scene.step()
    assert [past.moment.number for past in scene.past] == [5, 6, 7, 8, 9]
    with pytest.raises(UserError, match="there are 5 to 9"):
        scene.look(4)
    scene.look(5)
    assert scene.step().number == 6


def test_the_time_line_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = scene_of(longer(tinier(core="slots")))
    monkeypatch.setattr(scenes, "LARGEST", 3 * scene.past[0].bytes)
    for _ in range(9):
        scene.step()
    assert 2 <= len(scene.past) <= 4


@pytest.mark.parametrize("action", [-1, 5])
def test_an_unknown_action_is_refused(action: int) -> None:
    scene = scene_of(tinier())
    with pytest.raises(UserError, match="allowed are 0 to 4"):
        scene.step(action)
    assert scene.present.number == 0


def test_walkers_of_a_city_are_as_ever() -> None:
    """A walker in a twin does not disturb the one of the world itself."""
    scene = scene_of(longer(tinier()), seed=2)
    worlds = scene.runs[0].make_worlds(1)
    worlds.reset(seed=2)
    assert isinstance(scene.world.worlds, type(worlds))
    walker = Walker(worlds, seed=0)
    walker.set_state(scene.world.state().walker)  # type: ignore[union-attr]
    for _ in range(10):
        action = int(walker.act()[0])
        list(scene.imagine(Plan("walker"), samples=1, steps=3))
        assert scene.step().action == action
        worlds.step(np.array([action]))
