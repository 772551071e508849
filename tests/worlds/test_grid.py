from itertools import combinations

from simcore.worlds.voxel.grid import (
    EAST,
    FACE_LIGHT,
    FIRST_BUILDING,
    KINDS,
    LAST_BUILDING,
    NORTH,
    SKY,
    SNOW,
    SOUTH,
    TOP,
    WATER,
    WEST,
    shaded_colours,
)


def test_kinds_keep_their_numbers():
    names = [kind.name for kind in KINDS]
    assert names[:5] == ["air", "ground", "wall", "food", "block"]
    assert names[FIRST_BUILDING : LAST_BUILDING + 1] == [
        *("red", "orange", "lime", "green", "teal", "blue", "navy", "purple", "magenta", "pink", "brown", "white")
    ]
    assert names[WATER : SNOW + 1] == ["water", "cliff", "ice", "sand", "meadow", "forest", "rock", "snow"]
    assert len(names) == SNOW + 1


def test_every_kind_can_be_told_from_the_others_and_from_the_sky():
    tops = [tuple(colours[0].tolist()) for colours in shaded_colours()[1:]]
    assert len({*tops, SKY}) == len(tops) + 1


def test_no_face_of_one_kind_looks_like_a_face_of_another():
    faces = [tuple(colour) for colours in shaded_colours()[1:].tolist() for colour in colours]
    assert len({*faces, SKY}) == len(faces) + 1


def test_sides_and_top_differ_in_light():
    lights = [FACE_LIGHT[face] for face in (TOP, NORTH, EAST, SOUTH, WEST)]
    assert all(abs(one - other) > 0.07 for one, other in combinations(lights, 2))


def test_only_food_is_rewarded_and_only_blocks_are_taken():
    assert [kind.name for kind in KINDS if kind.reward] == ["food"]
    assert [kind.name for kind in KINDS if kind.collectable] == ["food"]
    assert [kind.name for kind in KINDS if kind.removable] == ["block"]
    assert [kind.name for kind in KINDS if kind.deadly] == ["water"]
    assert [kind.name for kind in KINDS if not kind.solid] == ["air", "food", "water"]
