"""What a session is given, and refuses."""

from typing import Any

import numpy as np
import pytest

from sessions import make_session
from simcore import BeliefSession, UserError
from simcore.build import make_worlds
from simcore.worlds.making import make_env
from tinier import tinier, tinier_acting


def test_what_is_given_comes_before_what_is_told_and_that_before_what_was_chosen() -> None:
    config = tinier_acting()
    env = make_env(config.level, config.world)
    env.reset(seed=0)
    frame, reward, *ends, info = env.step(0)

    def vector(chosen: int | None, told: int | None, given: int | None) -> np.ndarray:
        session = make_session(config)
        session.observe(*env.reset(seed=0))
        session._action = None if chosen is None else np.array([chosen])
        told_info = {name: value for name, value in info.items() if name != "previous_action"}
        told_info |= {} if told is None else {"previous_action": told}
        return session.observe(frame, reward, *ends, told_info, action=given).vector

    first, second = vector(1, None, None), vector(2, None, None)
    assert (first != second).any()
    for chosen, told, given in ((None, 1, None), (None, None, 1), (2, 1, None), (2, 2, 1)):
        np.testing.assert_array_equal(vector(chosen, told, given), first)
    with pytest.raises(UserError, match="nobody knows the action that led to this frame"):
        vector(None, None, None)


def test_bad_input_is_one_clear_line() -> None:
    config = tinier()
    env, session = make_env(config.level, config.world), make_session(config)
    first = env.reset(seed=0)
    with pytest.raises(UserError, match=r"begin with session.observe\(\*env.reset"):
        session.imagine([0])
    session.observe(*first)
    with pytest.raises(TypeError, match="what reset returned"):
        session.observe(first[0])
    with pytest.raises(ValueError, match=r"a frame must be uint8 \[8, 8, 3\], not uint8 \[4, 8, 3\]"):
        session.observe(first[0][:4], {})
    with pytest.raises(ValueError, match="allowed are 0 to 4"):
        session.observe(*env.step(0), action=5)
    with pytest.raises(ValueError, match="allowed are 0 to 4"):
        session.imagine([0, 5])
    with pytest.raises(ValueError, match=r"actions are \[0\]; they must be \[K\], one step at least"):
        session.imagine([])
    with pytest.raises(UserError, match="it must be a whole number from 1"):
        session.imagine([0], samples=0)
    with pytest.raises(UserError, match="this agent has no policy"):
        session.act()
    with pytest.raises(UserError, match="no map model"):
        session.imagine_maps()
    with pytest.raises(UserError, match="batch is 0"):
        BeliefSession(session.agent, batch=0)
    bare = BeliefSession(session.agent)
    bare.observe(*first)
    with pytest.raises(UserError, match="there is no simulation"):
        bare.imagine([0])


def test_input_of_a_batch_is_of_its_worlds() -> None:
    config = tinier_acting()
    session, worlds = make_session(config, batch=2), make_worlds(config, 2)
    with pytest.raises(TypeError, match=r"was given a tuple; it takes its parts: session.observe\(\*env.reset"):
        session.observe(worlds.reset(seed=1))
    session.observe(worlds.reset(seed=1)[0], None)
    frames, rewards, terminated, truncated, info = worlds.step(session.act())
    with pytest.raises(ValueError, match=r"terminated are \[3\]; they must be \[2\], one for each world"):
        session.observe(frames, rewards, np.zeros(3, np.bool_), truncated, info)
    with pytest.raises(ValueError, match=r"truncated are \[\]; they must be \[2\]"):
        session.observe(frames, rewards, terminated, False, info)
    with pytest.raises(UserError, match="it must be a finite number for each world"):
        session.observe(frames, rewards[:, None], terminated, truncated, info)
    with pytest.raises(ValueError, match=r"actions are \[3\]; they must be \[K, 2\]"):
        session.imagine([0, 0, 0])


def test_a_reset_of_some_worlds_is_refused_and_changes_nothing() -> None:
    config = tinier_acting()
    session, worlds = make_session(config, batch=2), make_worlds(config, 2)
    session.observe(*worlds.reset(seed=1))
    before = session.observe(*worlds.step(session.act())).vector
    with pytest.raises(UserError, match="only 1 of 2 worlds were reset"):
        session.observe(*worlds.reset(options={"reset_mask": np.array([False, True])}))
    assert (session.read().vector == before).all()
    session.observe(*worlds.reset(seed=2))


@pytest.mark.parametrize(
    ("other", "batch", "line"),
    [
        ({"agent__hidden_size": 32}, 2, "with 2 worlds and agent.hidden_size 32; this one has 2 and 16"),
        ({}, 3, "with 3 worlds and agent.hidden_size 16; this one has 2 and 16"),
        ({"core": "lstm"}, 2, "with another memory: see core and its sizes"),
        ({"core": "kanerva"}, 2, "with another memory: see core and its sizes"),
        ({"slots__word_size": 5}, 2, "with another memory: see core and its sizes"),
    ],
)
def test_a_state_of_another_session_is_refused(other: dict[str, Any], batch: int, line: str) -> None:
    slots = {"core": "slots"}
    session = make_session(tinier_acting(**slots), batch=2)
    state = make_session(tinier_acting(**(slots | other)), batch=batch).state
    with pytest.raises(UserError, match=line):
        session.fork(state)
    assert session.fork(session.state).num_worlds == 2
