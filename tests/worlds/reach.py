"""What an agent that never uses its hands may touch: a search that is generous where it is not exact.

It knows the body's size, the heights of a jump and how far one leaps, and leaves out all that could be in the way
on the flight. So what it does not reach, no agent reaches without building.
"""

from collections import deque
from math import floor

import numpy as np

from simcore.worlds.voxel.grid import FOOD
from simcore.worlds.voxel.rules import BODY_HEIGHT, FASTEST_FALL, GRAVITY, JUMP, RADIUS


def walks_in_the_air(drop):
    """Count the steps of a jump that end at or above `-drop` cells from where it began."""
    height, rise, count, best = 0.0, JUMP, 0, 0
    while height > -drop - 3:
        height, rise, count = height + rise, max(rise - GRAVITY, -FASTEST_FALL), count + 1
        if height >= -drop:
            best = count
    return best


def find_places(blocks, solid):
    """List the places (x, y, z) on which a body can stand, with no regard to what is beside them."""
    size_x, size_y, height = blocks.shape
    full = solid[np.pad(blocks, ((0, 0), (0, 0), (0, 2)))]
    return [
        (x, y, z)
        for x in range(size_x)
        for y in range(size_y)
        for z in range(1, height + 1)
        if full[x, y, z - 1] and not full[x, y, z : z + 2].any()
    ]


def can_leap(place, to, floor_z, speed):
    """Tell whether a jump from `place` can put a part of the body over the cell `to`, its feet at `floor_z` then."""
    if floor_z > place[2] + 1:
        return False
    gap = max(abs(to[0] - place[0]), abs(to[1] - place[1])) - 1
    return gap - 2 * RADIUS < walks_in_the_air(place[2] - floor_z) * speed


def reachable_food(world, rules):
    """Return the cells of food that may be touched without the use of hands."""
    blocks, speed = world.blocks, rules.speed
    places = find_places(blocks, rules.solid)
    start = tuple(floor(part) for part in world.spawn)
    reached, waiting = {start}, deque([start])
    while waiting:
        place = waiting.popleft()
        for other in places:
            if other not in reached and can_leap(place, other, other[2], speed):
                reached.add(other)
                waiting.append(other)
    touched = set()
    for x, y, z in np.argwhere(blocks == FOOD):
        below = [level + 1 for level in range(z) if rules.solid[blocks[x, y, level]]]
        lowest = max(below[-1] if below else 0, z + 1 - floor(BODY_HEIGHT) - 1)  # of the feet, to touch it
        if any(z <= place[2] + 2 and can_leap(place, (x, y), lowest, speed) for place in reached):
            touched.add((int(x), int(y), int(z)))
    return touched
