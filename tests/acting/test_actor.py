"""The actor's time-keeping: actions and rewards stand beside the frames that they led to."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from simcore.acting import Actor, AgentPolicy, WalkerPolicy
from simcore.agent import Agent
from simcore.build import make_system, make_worlds
from simcore.common.tree import tree_map
from simcore.data.trajectory import NO_ACTION, Trajectory
from simcore.worlds import Walker
from tinier import tinier, tinier_acting

WORLDS = 3


def make_walking_actor() -> Actor:
    worlds = make_worlds(tinier(), WORLDS, copy=False)
    return Actor(worlds, WalkerPolicy(Walker(worlds, seed=5)), seed=11, measures=True)


def make_agent(core: str = "lstm") -> Agent:
    config = tinier_acting(core=core)
    torch.manual_seed(0)
    return make_system(config).agent


def make_acting_actor(core: str = "lstm", reward_scale: float = 1.0) -> Actor:
    worlds = make_worlds(tinier_acting(), WORLDS, copy=False)
    return Actor(worlds, AgentPolicy(make_agent(core), WORLDS, seed=7), seed=11, reward_scale=reward_scale)


def columns(trajectory: Trajectory) -> list[Tensor]:
    return [*trajectory[:6], *trajectory.targets.values()]


def join(parts: list[Trajectory]) -> list[Tensor]:
    return [torch.cat(leaves) for leaves in zip(*map(columns, parts), strict=True)]


def assert_same(one: list[Tensor], two: list[Tensor]) -> None:
    for left, right in zip(one, two, strict=True):
        assert torch.equal(left, right)


def test_episodes_that_begin_in_the_middle_of_their_time_are_not_told() -> None:
    begun, agent = np.array([0, 15, 18]), make_agent()

    def make(options: dict[str, object] | None) -> Actor:
        worlds = make_worlds(tinier_acting(), WORLDS, copy=False)
        return Actor(worlds, AgentPolicy(agent, WORLDS, seed=7), seed=11, options=options)

    every = make(None).collect(100).episodes
    staggered = make({"elapsed": begun})
    parts = [staggered.collect(10).episodes]
    resumed = make(None)
    resumed.load_state_dict(staggered.state_dict())
    parts.append(resumed.collect(90).episodes)
    told = [episode for part in parts for episode in part]
    assert {episode.length for episode in every if not episode.terminated} == {20}
    assert {episode.length for episode in told if not episode.terminated} == {20}, "none that was shorter by its start"
    assert {episode.world for episode in told} == {0, 1, 2}
    old = staggered.state_dict()
    del old["present"]["is_whole"]
    resumed.load_state_dict(old)


@pytest.mark.parametrize("make", [make_walking_actor, make_acting_actor])
def test_a_trajectory_replays_in_fresh_worlds(make: Callable[[], Actor]) -> None:
    """Step the same worlds by hand with the recorded actions: frames, rewards, maps and positions must come back."""
    length = 200
    trajectory = make().collect(length).trajectory
    config = tinier() if make is make_walking_actor else tinier_acting()
    worlds = make_worlds(config, WORLDS)
    frames, info = worlds.reset(seed=11)
    rewards, begins = np.zeros(WORLDS), np.ones(WORLDS, np.bool_)
    terminated = truncated = np.zeros(WORLDS, np.bool_)
    for t in range(len(trajectory.frames)):
        assert np.array_equal(trajectory.frames[t].numpy(), frames)
        assert np.array_equal(trajectory.targets["map"][t].numpy(), info["map"])
        if make is make_walking_actor:
            assert np.array_equal(trajectory.targets["since_seen"][t].numpy(), info["since_seen"])
        else:
            assert "since_seen" not in trajectory.targets, "nobody has asked for it"
        assert np.array_equal(trajectory.targets["cell"][t].numpy(), info["cell"])
        assert np.array_equal(trajectory.targets["heading"][t].numpy(), info["heading_index"])
        assert np.array_equal(trajectory.is_first[t].numpy(), begins)
        assert np.array_equal(trajectory.actions[t].numpy() == NO_ACTION, begins)
        assert np.array_equal(trajectory.rewards[t].numpy(), rewards)
        assert np.array_equal(trajectory.terminated[t].numpy(), terminated)
        if t + 1 < len(trajectory.frames):
            actions = trajectory.actions[t + 1].numpy()
            begins = terminated | truncated
            frames, rewards, terminated, truncated, info = worlds.step(np.where(actions == NO_ACTION, 0, actions))
    assert trajectory.is_first[1:].any(), "the test wants an episode's end inside"
    if make is make_acting_actor:
        assert trajectory.terminated.any()
        assert trajectory.rewards.any(), "the test wants food eaten"


def test_episodes_have_one_frame_more_than_steps() -> None:
    is_first = make_walking_actor().collect(19).trajectory.is_first
    assert is_first[:, 0].nonzero().flatten().tolist() == [0, 9, 18]


@pytest.mark.parametrize("lengths", [(5, 8, 12), (1, 24)])
def test_trajectories_of_the_walker_follow_each_other_without_a_gap(lengths: tuple[int, ...]) -> None:
    actor = make_walking_actor()
    pieces = join([actor.collect(length).trajectory for length in lengths])
    assert_same(pieces, columns(make_walking_actor().collect(sum(lengths)).trajectory))


@pytest.mark.parametrize("lengths", [(5, 8, 12), (1, 24)])
def test_trajectories_of_the_agent_share_the_row_between_them(lengths: tuple[int, ...]) -> None:
    """So that each action is learned from once, with what it led to."""
    actor = make_acting_actor()
    pieces = [actor.collect(length).trajectory for length in lengths]
    assert [len(piece.frames) for piece in pieces] == [length + 1 for length in lengths]
    for before, after in itertools.pairwise(pieces):
        assert_same([part[-1] for part in columns(before)], [part[0] for part in columns(after)])
    shortened = [tree_map(lambda part: part[:-1], p._replace(initial_state=None)) for p in pieces[:-1]]
    whole = make_acting_actor().collect(sum(lengths)).trajectory
    assert_same(join([*shortened, pieces[-1]]), columns(whole))


@pytest.mark.parametrize("core", ["lstm", "slots", "kanerva"])
def test_a_belief_formed_again_from_the_state_that_travels_gives_the_same_policy(core: str) -> None:
    """What the learner computes with the same weights is what the actor did, also long after."""
    actor = make_acting_actor(core)
    trajectories = [actor.collect(length).trajectory for length in (6, 9, 7, 30)]
    agent = make_agent(core)
    for trajectory in trajectories:
        beliefs = agent.unroll(trajectory).outputs
        log_policy = torch.log_softmax(agent.policy_and_value(beliefs[:-1]).logits, -1)
        taken = trajectory.actions[1:].clamp(min=0)
        log_probs = log_policy.gather(-1, taken[..., None])[..., 0] * ~trajectory.is_first[1:]
        torch.testing.assert_close(log_probs, trajectory.log_probs[1:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("after", [4, 9, 10])
@pytest.mark.parametrize("make", [make_walking_actor, make_acting_actor])
def test_a_restored_actor_continues_alike(after: int, make: Callable[[], Actor]) -> None:
    actor = make()
    actor.collect(after)
    state = actor.state_dict()
    expected = actor.collect(20)
    restored = make()
    restored.collect(3)
    restored.load_state_dict(state)
    given = restored.collect(20)
    assert_same(columns(given.trajectory), columns(expected.trajectory))
    assert repr(given.episodes) == repr(expected.episodes), "NaN is unlike itself"
    assert given.turn == expected.turn == 1


@pytest.mark.parametrize("make", [make_walking_actor, make_acting_actor])
def test_a_state_of_an_older_version_is_converted(make: Callable[[], Actor]) -> None:
    """In which targets stood among what is recorded of a step, and the actor counted the food itself."""
    actor = make()
    actor.collect(9)
    state = actor.state_dict()
    worlds = dict(state["worlds"])
    present = state["present"] | state["targets"] | {"food": worlds.pop("food")}
    old = {"made": 1, "present": present, "worlds": worlds, "policy": state["policy"]}
    restored = make()
    restored.load_state_dict(old)
    given, expected = restored.collect(20), actor.collect(20)
    assert_same(columns(given.trajectory), columns(expected.trajectory))
    assert repr(given.episodes) == repr(expected.episodes)


def test_episodes_are_told_as_they_were() -> None:
    """From the trajectory itself: returns, lengths and the part of the food that was eaten."""
    actor = make_acting_actor()
    made = actor.collect(120)
    rewards, is_first, terminated = (part.numpy() for part in made.trajectory[2:5])
    expected = []
    for world in range(WORLDS):
        begins = [*np.flatnonzero(is_first[:, world]), None]
        for begin, end in itertools.pairwise(begins):
            rows = slice(begin, end)
            total, length = rewards[rows, world].sum(), len(rewards[rows, world]) - 1
            if end is not None or terminated[-1, world] or length == actor.worlds.config.episode_length:
                expected.append((world, total, length, total / actor.worlds.config.amount))
    assert len(expected) > 5
    told = np.array(sorted((e.world, e.reward, e.length, e.metrics["food"]) for e in made.episodes))
    assert told == pytest.approx(np.array(sorted(expected)))


def test_rewards_are_scaled_in_trajectories_and_not_in_episodes() -> None:
    plain, scaled = make_acting_actor(), make_acting_actor(reward_scale=0.5)
    one, half = plain.collect(1), scaled.collect(1)
    while not one.trajectory.rewards.any():  # the agent sees its rewards, so from the first on the two part
        one, half = plain.collect(1), scaled.collect(1)
    assert torch.equal(0.5 * one.trajectory.rewards, half.trajectory.rewards)
    assert sorted(e.reward for e in one.episodes) == sorted(e.reward for e in half.episodes)


def test_a_greedy_policy_takes_the_most_likely_action() -> None:
    worlds = make_worlds(tinier_acting(), WORLDS)
    agent = make_agent()
    with torch.no_grad():
        agent.heads.policy.bias[2] = 5.0  # type: ignore[union-attr]
    actor = Actor(worlds, AgentPolicy(agent, WORLDS, seed=1, greedy=True), seed=3)
    actions = actor.collect(10).trajectory.actions
    assert set(actions[actions != NO_ACTION].tolist()) == {2}


def test_a_new_agent_prefers_no_action() -> None:
    agent = make_agent()
    policy = agent.policy_and_value(2 * torch.rand(50, agent.core.output_size) - 1).logits.softmax(-1)
    torch.testing.assert_close(policy, torch.full_like(policy, 1 / agent.num_actions), rtol=0.1, atol=0)
