"""A session is the belief that training forms, one frame at a time."""

import numpy as np
import pytest
import torch

from sessions import make, make_session
from simcore import BeliefSession, UserError
from simcore.acting import Actor, ActorInput, AgentPolicy
from simcore.build import make_worlds
from simcore.config.run import Config
from simcore.data.trajectory import NO_ACTION, Trajectory
from simcore.system import SimCore
from simcore.worlds.making import make_env
from tinier import tinier, tinier_acting

WORLDS, STEPS = 3, 60
CORES = ["lstm", "slots", "kanerva"]


def unrolled(system: SimCore, trajectory: Trajectory) -> np.ndarray:
    """Return the beliefs of a trajectory as the learner forms them, `[T, B, *]`."""
    return system.agent.unroll(trajectory).outputs.numpy()


@pytest.mark.parametrize("core", CORES)
def test_a_batch_has_the_beliefs_of_the_unroll(core: str) -> None:
    config = tinier_acting(core=core, reinforcement__reward_scale=2.0, world__amount=6)
    system, begun = make(config), {"elapsed": np.array([0, 7, 12])}
    policy = AgentPolicy(system.agent, WORLDS, seed=7)
    actor = Actor(make_worlds(config, WORLDS), policy, seed=11, reward_scale=2.0, options=begun)
    trajectory = actor.collect(STEPS).trajectory
    begins = trajectory.is_first[1:]
    assert (begins.any(dim=1) & ~begins.all(dim=1)).any(), "the test wants episodes that end apart"
    assert trajectory.rewards.any(), "and food eaten"
    expected = unrolled(system, trajectory)

    session = BeliefSession(system.agent, batch=WORLDS, seed=7, reward_scale=2.0)
    worlds = make_worlds(config, WORLDS)
    belief = session.observe(*worlds.reset(seed=11, options=begun))
    for t in range(STEPS):
        np.testing.assert_allclose(belief.vector, expected[t], atol=1e-5)
        actions = session.act()
        begins = trajectory.is_first[t + 1].numpy()
        assert (np.where(begins, NO_ACTION, actions) == trajectory.actions[t + 1].numpy()).all()
        belief = session.observe(*worlds.step(actions))
    np.testing.assert_allclose(belief.vector, expected[STEPS], atol=1e-5)


@pytest.mark.parametrize("config", [tinier(), tinier_acting(core="slots")], ids=["walker", "agent"])
def test_one_world_is_a_batch_of_one(config: Config) -> None:
    """The environment tells what it was given, and begins anew where the batch does so by itself."""
    one, batch = make_session(config), make_session(config, batch=1)
    env, worlds = make_env(config.level, config.world), make_worlds(config, 1)
    belief, beside = one.observe(*env.reset(seed=4)), batch.observe(*worlds.reset(seed=4))
    generator, over = np.random.default_rng(0), False
    for _ in range(30):
        action = int(generator.integers(len(env.action_names)))
        if over:
            belief, over = one.observe(*env.reset()), False
        else:
            returned = env.step(action)
            belief, over = one.observe(*returned), returned[2] or returned[3]
        beside = batch.observe(*worlds.step(np.array([action])), action=[action])
        np.testing.assert_array_equal(belief.vector, beside.vector[0])
        np.testing.assert_array_equal(belief.map, beside.map[0])
        assert belief.cell == beside.cell[0]
        assert belief.heading == beside.heading[0]


def test_a_policy_goes_by_the_same_step() -> None:
    config = tinier_acting(core="slots")
    system, worlds = make(config), make_worlds(config, WORLDS)
    policy, session = AgentPolicy(system.agent, WORLDS, seed=5), BeliefSession(system.agent, batch=WORLDS, seed=5)
    frames, info = worlds.reset(seed=0)
    nothing = ActorInput(frames, np.full(WORLDS, NO_ACTION), np.zeros(WORLDS, np.float32), np.ones(WORLDS, np.bool_))
    session.observe(frames, info)
    assert (policy.act(nothing).actions == session.act()).all()
    assert set(policy.state_dict()) == {"core", "generator"}
    assert torch.equal(policy.state_dict()["generator"], session.state.policy_generator)
    greedy = BeliefSession(system.agent, batch=WORLDS, seed=5, greedy=True)
    greedy.observe(frames, info)
    assert torch.equal(greedy.state.policy_generator, torch.Generator().manual_seed(5).get_state())
    assert (greedy.act() == system.agent.policy_and_value(greedy.state.belief).logits.argmax(-1).numpy()).all()


@pytest.mark.parametrize("core", CORES)
def test_imagining_is_the_simulation_and_leaves_the_session_where_it_is(core: str) -> None:
    config = tinier(core=core, frame_model="deterministic")
    system = make(config)
    session = BeliefSession(system.agent, system.simulation, batch=WORLDS)
    worlds = make_worlds(config, WORLDS)
    session.observe(*worlds.reset(seed=0))
    session.observe(*worlds.step(np.zeros(WORLDS, np.int64)), action=np.zeros(WORLDS, np.int64))
    actions = np.random.default_rng(0).integers(5, size=(4, WORLDS))
    states = system.simulation.simulate(session.state.core, torch.from_numpy(actions))
    expected = system.simulation.frame_model.sample(states.flatten(0, 1)).view(4, WORLDS, 8, 8, 3).numpy()
    before = session.read().vector
    frames = session.imagine(actions, samples=2)
    assert frames.dtype == np.uint8
    assert (frames == expected).all()
    np.testing.assert_array_equal(session.read().vector, before)
    assert (session.imagine(actions, samples=2) == frames).all()

    blind = session.fork()
    blind.step_blind(actions[0])
    blind = blind.fork()  # a moment without frames is one to come back to as well
    blind.step_blind(actions[1])
    assert (blind.imagine(actions[2:], samples=1)[0] == expected[2:]).all()
    with pytest.raises(UserError, match="only a belief is read"):
        blind.read()
    seen = worlds.step(actions[0])
    assert (blind.observe(*seen, action=actions[0]).vector == session.observe(*seen, action=actions[0]).vector).all()


def test_what_is_imagined_differs_and_repeats() -> None:
    config = tinier()
    env = make_env(config.level, config.world)
    one, other = make_session(config, seed=3), make_session(config, seed=3)
    for session in (one, other):
        session.observe(*env.reset(seed=0))
    frames = one.imagine([0, 1], samples=3)
    assert frames.shape == (3, 2, 8, 8, 3)
    assert (frames[0] != frames[1]).any()
    assert (other.imagine([0, 1], samples=3) == frames).all()
    assert (one.imagine([0, 1], samples=3) != frames).any()
    assert (one.imagine([0, 1], seed=1) == one.imagine([0, 1], seed=1)).all()


@pytest.mark.parametrize("core", CORES)
def test_a_fork_goes_on_alike_and_changes_nothing(core: str) -> None:
    config = tinier_acting(core=core)
    session, worlds = make_session(config, batch=WORLDS), make_worlds(config, WORLDS)
    session.observe(*worlds.reset(seed=0))
    moments = []
    for _ in range(12):
        moments.append((session.state, worlds.get_state()))
        session.observe(*worlds.step(session.act()))
    end = session.read().vector
    for begun in (3, 11):
        moment, world = moments[begun]
        fork = session.fork(moment)
        worlds.set_state(world)
        for _ in range(begun, 12):
            fork.observe(*worlds.step(fork.act()))
        np.testing.assert_allclose(fork.read().vector, end, atol=1e-6)
    np.testing.assert_array_equal(session.read().vector, end)


def test_what_is_given_back_is_the_callers_own() -> None:
    """It may be changed, and the session knows nothing of that."""
    config = tinier_acting(core="slots")
    session, worlds = make_session(config, batch=2), make_worlds(config, 2)
    belief = session.observe(*worlds.reset(seed=1))
    vector, state = belief.vector.copy(), session.state
    belief.vector[:] = 0.0
    assert (session.read().vector == vector).all()
    assert torch.equal(state.belief, torch.from_numpy(vector))
    actions = session.act()
    fork, returned = session.fork(), worlds.step(actions)
    actions[:] = 0
    assert (session.observe(*returned).vector == fork.observe(*returned).vector).all()


@pytest.mark.parametrize("core", CORES)
def test_a_session_has_no_graph_in_any_mode(core: str) -> None:
    config = tinier_acting(core=core)
    system = make(config).requires_grad_(True)
    session, worlds = BeliefSession(system.agent, system.simulation, batch=2), make_worlds(config, 2)
    session.observe(*worlds.reset(seed=1))
    for mode in (torch.inference_mode, torch.enable_grad, torch.no_grad):
        with mode():
            session.observe(*worlds.step(session.act()))
            frames = session.imagine(np.zeros((2, 2), np.int64), samples=1)
        assert session.state.belief.grad_fn is None
        assert session.state.core.hidden.grad_fn is None
        assert frames.shape[:3] == (1, 2, 2)


def test_a_belief_goes_on_by_what_it_imagines() -> None:
    session, env = make_session(tinier()), make_env("RandomCity", tinier().world)
    session.observe(*env.reset(seed=1))
    imagined = session.imagine([0], samples=1)[0, 0]
    belief = session.observe(imagined, 0.0, False, False, {}, action=0)
    assert belief.cell is not None


def test_without_probes_nothing_is_read() -> None:
    config = tinier(learning__probe_times=0)
    belief = make_session(config).observe(*make_env(config.level, config.world).reset(seed=0))
    assert belief.vector.shape == (16,)
    assert belief.map is belief.cell is belief.heading is belief.cell_probabilities is None


def test_what_is_read_is_what_the_probes_say() -> None:
    config = tinier(probes__map_convdraw=True)
    session = make_session(config, batch=2)
    belief = session.observe(*make_worlds(config, 2).reset(seed=0))
    read = session.probes(torch.from_numpy(belief.vector))
    torch.testing.assert_close(torch.from_numpy(belief.cell_probabilities), read["cell"].softmax(-1))
    torch.testing.assert_close(torch.from_numpy(belief.heading_probabilities), read["heading"].softmax(-1))
    assert (belief.cell == read["cell"].argmax(-1).numpy()).all()
    assert (belief.heading == read["heading"].argmax(-1).numpy()).all()
    np.testing.assert_allclose(belief.map / 255, read["map"].clamp(0, 1).numpy(), atol=0.5 / 255 + 1e-6)
    assert session.imagine_maps(samples=4).shape == (4, 2, 7, 7, 3)
