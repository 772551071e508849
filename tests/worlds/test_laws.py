"""What holds in every level, whatever an agent does: random actions from random states."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.worlds import KINDS, LEVELS, make_vector
from simcore.worlds.voxel.batch import begin
from simcore.worlds.voxel.body import is_free
from simcore.worlds.voxel.grid import BLOCK, FOOD, World
from simcore.worlds.voxel.rules import HIGHEST_PITCH, LOWEST_PITCH, RADIUS

ARGUMENTS = {"frame_size": 4, "episode_length": 60}
SIZES = {"Terrain": 24}
DEADLY = [number for number, kind in enumerate(KINDS) if kind.deadly]


def make(name):
    return make_vector(name, 1, size=SIZES.get(name, 11), **ARGUMENTS)


def count_kinds(worlds):
    """Count the blocks of each kind, those in hand among them."""
    return np.bincount(worlds.episodes.blocks[0].ravel(), minlength=len(KINDS)) + worlds.episodes.carried[0]


def put_somewhere(worlds, rng):
    """Begin an episode in a random world, from a random state: strewn blocks, and a free place high or low."""
    level, config = worlds.level, worlds.config
    world = level.generate(config, int(rng.integers(2**63)))
    blocks = world.blocks.copy()
    if any(action.hand for action in level.actions):
        blocks[(blocks == 0) & (rng.random(blocks.shape) < 0.05)] = BLOCK
    while True:
        x, y = rng.uniform(RADIUS, config.size - RADIUS, 2)
        z = rng.uniform(1, config.height)
        around = blocks[int(x - RADIUS) : int(x + RADIUS) + 1, int(y - RADIUS) : int(y + RADIUS) + 1]
        touched = np.isin(around[:, :, int(z) : int(z) + 3], [FOOD, *DEADLY])
        if is_free(blocks, worlds.rules.solid, x, y, z) and not touched.any():
            break
    begin(worlds.episodes, 0, World(blocks, (x, y, z), int(rng.integers(config.turns)), {BLOCK: int(rng.integers(9))}))
    worlds.episodes.facing[0, 1] = rng.integers(LOWEST_PITCH, HIGHEST_PITCH + 1)
    state = worlds.get_state()
    worlds.set_state(state)  # draws the view, and indexes the grid


@pytest.mark.parametrize("name", LEVELS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), choices=st.lists(st.integers(0, 10), min_size=1, max_size=60))
def test_the_laws_of_every_level(name, seed, choices):
    worlds = make(name)
    worlds.reset(seed=seed)
    put_somewhere(worlds, np.random.default_rng(seed))
    episodes, solid = worlds.episodes, worlds.rules.solid
    state = worlds.get_state()
    before = count_kinds(worlds)
    played = []
    for choice in choices:
        action = np.array([choice % len(worlds.action_names)])
        frames, rewards, terminated, truncated, info = worlds.step(action)
        played.append((frames, rewards, terminated, truncated, info))
        x, y, z, _ = episodes.motion[0]
        assert is_free(episodes.blocks[0], solid, x, y, z)
        assert min(x, y) >= RADIUS
        assert max(x, y) <= worlds.config.size - RADIUS
        assert z >= 0
        after = count_kinds(worlds)
        eaten = before[FOOD] - after[FOOD]
        assert rewards[0] == eaten >= 0  # no reward but for food
        after[FOOD] += eaten
        after[0] = before[0] = 0
        assert (after == before).all()  # blocks are neither made nor lost
        before[FOOD] -= eaten
        assert (episodes.carried >= 0).all()
        assert episodes.food_left[0] == before[FOOD]
        touched = episodes.blocks[
            0,
            int(x - RADIUS) : int(np.ceil(x + RADIUS)),
            int(y - RADIUS) : int(np.ceil(y + RADIUS)),
            int(z) : int(np.ceil(z + 1.8)),
        ]
        assert not (touched == FOOD).any()
        died = np.isin(touched, DEADLY).any()
        assert terminated[0] == (died or (eaten > 0 and before[FOOD] == 0))
        assert truncated[0] == (episodes.elapsed[0] == worlds.config.episode_length and not terminated[0])
        if terminated[0] or truncated[0]:
            break
    again = make(name)
    again.set_state(worlds.get_state())  # draws all anew: frame and map have followed the grid
    frames, info = again.observe()
    np.testing.assert_array_equal(frames, played[-1][0])
    np.testing.assert_array_equal(info["map"], played[-1][4]["map"])
    again.set_state(state)
    for choice, step in zip(choices, played, strict=False):
        repeated = again.step(np.array([choice % len(worlds.action_names)]))
        for a, b in zip(repeated[:4], step[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        for key, array in step[4].items():
            np.testing.assert_array_equal(repeated[4][key], array)


@pytest.mark.parametrize("name", LEVELS)
def test_the_same_seed_and_actions_give_the_same_episodes(name):
    played = []
    for count in (3, 2):
        worlds = make_vector(name, count, size=SIZES.get(name, 11), frame_size=16, episode_length=20)
        rng = np.random.default_rng(5)
        worlds.reset(seed=11)
        steps = [worlds.step(rng.integers(0, len(worlds.action_names), 3)[:count]) for _ in range(60)]
        played.append([(*(part[:2] for part in step[:4]), step[4]["map"][:2], step[4]["pose"][:2]) for step in steps])
    for step, other in zip(*played, strict=True):
        for a, b in zip(step, other, strict=True):
            np.testing.assert_array_equal(a, b)
