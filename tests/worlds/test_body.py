from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.worlds.voxel.body import act, is_free
from simcore.worlds.voxel.grid import AIR, BLOCK, FOOD, GROUND, KINDS, WALL, WATER, index_grid
from simcore.worlds.voxel.levels import Action
from simcore.worlds.voxel.rules import (
    BODY_HEIGHT,
    HIGHEST_PITCH,
    JUMP_REACH,
    LOWEST_PITCH,
    PLACE,
    RADIUS,
    REMOVE,
    make_rules,
    widest_leap,
)

ACTIONS = (
    Action("forward", walk=1),
    Action("backward", walk=-1),
    Action("turn_left", turn=-1),
    Action("turn_right", turn=1),
    Action("jump", jump=1),
    Action("jump_forward", jump=1, walk=1),
    Action("remove", hand=REMOVE),
    Action("place", hand=PLACE),
    Action("look_up", look=1),
    Action("look_down", look=-1),
    Action("stay"),
)
NUMBER = {action.name: index for index, action in enumerate(ACTIONS)}
TABLE = np.array([action[1:] for action in ACTIONS], np.int64)


class Puppet:
    """One body in one grid."""

    def __init__(self, blocks, position, heading=0, speed=0.5):
        self.blocks = blocks
        self.runs = np.zeros(blocks.shape, np.uint32)
        index_grid(blocks, self.runs)
        self.motion = np.array([*position, 0.0])
        self.facing = np.array([heading, 0], np.int64)
        self.carried = np.zeros(len(KINDS), np.int64)
        self.died = False
        self.rules = make_rules(TABLE, speed, 22.5)

    def do(self, *names):
        total = 0.0
        for name in names:
            arguments = (self.blocks, self.runs, self.motion, self.facing, self.carried)
            reward, _, died, _ = act(*arguments, NUMBER[name], self.rules)
            total += reward
            self.died |= died
        return total

    def is_free(self):
        return is_free(self.blocks, self.rules.solid, *self.motion[:3])

    def runs_are_true(self):
        fresh = np.zeros_like(self.runs)
        index_grid(self.blocks, fresh)
        return [list_runs(a) for a in self.runs.reshape(-1, self.runs.shape[2])] == [
            list_runs(a) for a in fresh.reshape(-1, fresh.shape[2])
        ]


def list_runs(column):
    ends = np.flatnonzero(column == 0)
    return column[: ends[0]].tolist() if len(ends) else column.tolist()


def plain(size=9, height=7):
    blocks = np.zeros((size, size, height), np.uint8)
    blocks[:, :, 0] = GROUND
    return blocks


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    speed=st.sampled_from([0.13, 0.5, 1.0]),
    actions=st.lists(st.sampled_from(list(NUMBER)), min_size=1, max_size=150),
)
def test_the_body_is_never_in_a_block_and_never_outside(seed, speed, actions):
    rng = np.random.default_rng(seed)
    size, height = 7, 6
    blocks = rng.choice([AIR, WALL, FOOD, BLOCK], (size, size, height), p=[0.7, 0.1, 0.1, 0.1]).astype(np.uint8)
    blocks[:, :, 0] = GROUND
    blocks[3, 3, 1:4] = AIR
    puppet = Puppet(blocks, (3.5, 3.5, 1.0), int(rng.integers(16)), speed)
    total = np.bincount(blocks.ravel(), minlength=len(KINDS))
    rewards = 0.0
    for action in actions:
        rewards += puppet.do(action)
        x, y, z = puppet.motion[:3]
        assert puppet.is_free()
        assert RADIUS <= x <= size - RADIUS
        assert RADIUS <= y <= size - RADIUS
        assert z >= 1.0
        touched = blocks[
            floor(x - RADIUS) : ceil(x + RADIUS),
            floor(y - RADIUS) : ceil(y + RADIUS),
            floor(z) : ceil(z + BODY_HEIGHT),
        ]
        assert not (touched == FOOD).any()
        now = np.bincount(blocks.ravel(), minlength=len(KINDS)) + puppet.carried
        now[FOOD] += rewards
        now[AIR] -= puppet.carried.sum() + rewards
        assert (now == total).all()  # blocks are neither made nor lost
        assert (puppet.carried >= 0).all()
    assert puppet.runs_are_true()


def test_walks_its_speed_along_its_heading():
    puppet = Puppet(plain(), (4.5, 4.5, 1.0), heading=4)
    puppet.do("forward", "forward")
    np.testing.assert_allclose(puppet.motion, [5.5, 4.5, 1.0, 0.0])
    puppet.do("backward", "turn_left", "turn_left", "forward")
    half = 0.5 * np.sqrt(0.5)
    np.testing.assert_allclose(puppet.motion[:2], [5.0 + half, 4.5 - half])


def test_slides_along_a_wall():
    blocks = plain()
    blocks[:, 2, 1:] = WALL
    puppet = Puppet(blocks, (2.5, 3.5, 1.0), heading=2)  # half right of the wall ahead
    puppet.do(*["forward"] * 6)
    assert 3 + RADIUS <= puppet.motion[1] < 3 + RADIUS + 0.01
    np.testing.assert_allclose(puppet.motion[0], 2.5 + 3 * np.sqrt(0.5))


def test_fits_a_lane_of_one_cell():
    blocks = plain()
    blocks[:, :, 1:] = WALL
    blocks[4, :, 1:3] = AIR
    puppet = Puppet(blocks, (4.5, 8.5, 1.0))
    puppet.do(*["forward"] * 16)
    np.testing.assert_allclose(puppet.motion[:2], [4.5, 0.5])


@pytest.mark.parametrize("speed", [0.2, 0.5, 1.0])
@pytest.mark.parametrize(("step", "climbs"), [(1, True), (2, False), (3, False)])
def test_jumps_over_one_block_and_no_more(speed, step, climbs):
    blocks = plain()
    blocks[:, :4, 1 : 1 + step] = WALL
    puppet = Puppet(blocks, (4.5, 5.5, 1.0), speed=speed)
    puppet.do(*["forward"] * 12)
    assert puppet.motion[1] > 4  # walking alone climbs nothing
    puppet.do(*["jump_forward"] * 25)
    assert (puppet.motion[1] < 4) == climbs
    puppet.do(*["stay"] * 8)
    assert puppet.motion[2] == (2.0 if climbs else 1.0)


@pytest.mark.parametrize("speed", [0.2, 0.25, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("drop", [0, 1, 2])
def test_leaps_as_far_as_it_is_said_and_no_farther(speed, drop):
    def leaps(gap):
        reached = False
        for back in np.linspace(0.01, 1, 40) * speed:  # how far from the last foothold the leap begins
            blocks = plain(20, 7)
            blocks[:, 12:, 1 : 3 + drop] = WALL
            blocks[:, : 12 - gap, 1:3] = WALL
            puppet = Puppet(blocks, (4.5, 12 - RADIUS + back, 3.0 + drop), speed=speed)
            puppet.do(*["jump_forward"] * 14)
            reached |= puppet.motion[1] < 12 - gap + RADIUS and puppet.motion[2] >= 3
        return reached

    assert leaps(widest_leap(speed, drop))
    assert not leaps(widest_leap(speed, drop) + 1)


def test_falls_to_the_ground_and_hits_its_head():
    puppet = Puppet(plain(), (4.5, 4.5, 6.3))
    puppet.do(*["stay"] * 20)
    assert puppet.motion[2] == 1.0
    assert puppet.motion[3] == 0.0
    puppet.blocks[4, 4, 3] = WALL
    puppet.do("jump")
    assert 1.0 < puppet.motion[2] <= 3.0 - BODY_HEIGHT


def test_does_not_jump_in_the_air():
    puppet = Puppet(plain(), (4.5, 4.5, 1.0))
    heights = []
    for _ in range(4):
        puppet.do("jump")
        heights.append(puppet.motion[2])
    np.testing.assert_allclose(heights, [1.75, 2.1, 2.05, 1.6])


def test_collects_by_touch():
    blocks = plain()
    blocks[4, 3, 1] = FOOD
    blocks[5, 4, 2] = FOOD  # beside the way, not touched
    puppet = Puppet(blocks, (4.5, 4.5, 1.0))
    assert puppet.do("forward") == 1.0
    assert blocks[4, 3, 1] == AIR
    assert puppet.do("forward", "forward") == 0.0
    assert blocks[5, 4, 2] == FOOD


def test_touches_food_above_its_head_only_in_a_jump():
    for lift, touched in ((JUMP_REACH - 1, True), (JUMP_REACH, False)):
        blocks = plain()
        blocks[4, 4, 1 + lift] = FOOD
        puppet = Puppet(blocks, (4.5, 4.5, 1.0))
        assert puppet.do("stay") == 0
        assert puppet.do("jump", *["stay"] * 8) == touched


def test_takes_a_block_and_places_it():
    blocks = plain()
    blocks[4, 2, 1] = BLOCK
    puppet = Puppet(blocks, (4.5, 4.5, 1.0))
    puppet.do("remove")
    assert blocks[4, 2, 1] == BLOCK  # the eye looks over it
    puppet.do("look_down", "remove")
    assert blocks[4, 2, 1] == AIR
    assert puppet.carried[BLOCK] == 1
    puppet.do("place")
    assert puppet.carried[BLOCK] == 0
    assert (blocks == BLOCK).sum() == 1
    assert blocks[4, 0, 1] == BLOCK  # the line of sight meets the ground there
    puppet.do("place")
    assert (blocks == BLOCK).sum() == 1  # nothing left to place


def test_does_not_take_a_wall_nor_place_in_itself():
    blocks = plain()
    blocks[4, 3, 1:] = WALL
    puppet = Puppet(blocks, (4.5, 4.5, 1.0))
    puppet.carried[BLOCK] = 1
    puppet.do("remove", "place")  # the empty cell before the wall is the body's own
    assert puppet.carried[BLOCK] == 1
    assert not (blocks == BLOCK).any()


def test_climbs_a_stair_it_builds():
    blocks = plain()
    blocks[:, :3, 1:3] = WALL  # a cliff of two
    puppet = Puppet(blocks, (4.5, 5.0, 1.0))
    puppet.carried[BLOCK] = 1
    puppet.do("look_down", "look_down", "place")
    assert (blocks == BLOCK).sum() == 1
    puppet.do(*["jump_forward"] * 30, *["stay"] * 8)
    assert puppet.motion[2] == 3.0


def test_builds_a_tower_beneath_itself_and_takes_it_down():
    puppet = Puppet(plain(), (4.5, 4.5, 1.0), heading=3)
    puppet.carried[BLOCK] = 4
    puppet.do(*["look_down"] * 4, "place")
    assert puppet.carried[BLOCK] == 4  # standing, it is in its own way
    for height in (2.0, 3.0, 4.0, 5.0):
        puppet.do("jump", "stay", "place", "stay")
        assert puppet.motion[2] == height
    assert (puppet.blocks[4, 4, 1:5] == BLOCK).all()
    for height in (4.0, 3.0, 2.0, 1.0):
        puppet.do("remove", *["stay"] * 4)
        assert puppet.motion[2] == height
    assert puppet.carried[BLOCK] == 4


@pytest.mark.parametrize(("start", "looks"), [(4.5, 3), (4.35, 3), (4.65, 3), (4.05, 2), (4.2, 2), (4.9, 2)])
def test_builds_before_its_feet(start, looks):
    puppet = Puppet(plain(), (4.5, start, 1.0))
    puppet.carried[BLOCK] = 1
    puppet.do(*["look_down"] * looks, "place")
    assert puppet.blocks[4, 3 if looks == 3 or start > 4.6 else 2, 1] == BLOCK


def test_water_is_deadly_and_can_be_built_on():
    blocks = plain()
    blocks[:, :, 1] = GROUND
    blocks[:, :4, 0], blocks[:, :4, 1] = WATER, AIR
    puppet = Puppet(blocks, (4.5, 4.5, 2.0))
    puppet.carried[BLOCK] = 1
    puppet.do(*["look_down"] * 3, "place", *["forward"] * 3)
    assert blocks[4, 3, 1] == BLOCK
    assert puppet.motion[2] == 2.0
    assert not puppet.died
    puppet.do(*["forward"] * 8)
    assert puppet.died


def test_pitch_has_limits():
    puppet = Puppet(plain(), (4.5, 4.5, 1.0))
    puppet.do(*["look_up"] * 9)
    assert puppet.facing[1] == HIGHEST_PITCH
    puppet.do(*["look_down"] * 9)
    assert puppet.facing[1] == LOWEST_PITCH
