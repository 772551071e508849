"""The body: kernels that turn, look, walk, jump, fall, collide and touch.

The body is an upright box, `2 * RADIUS` wide and `BODY_HEIGHT` tall, at `motion = [x, y, z, rise]`: the
middle of its feet in cells, and the cells it rises in a step. `facing = [heading, pitch]` counts turns
clockwise from "up" and steps of `PITCH_STEP` above the horizon. Moves are taken one axis at a time, so the
body slides along walls.
"""

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.voxel.grid import AIR, set_block
from simcore.worlds.voxel.hand import use_hand
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.rules import (
    BODY_HEIGHT,
    FASTEST_FALL,
    GRAVITY,
    HAND,
    HIGHEST_PITCH,
    JUMP,
    JUMPS,
    LOOK,
    LOWEST_PITCH,
    NOTHING,
    RADIUS,
    SKIN,
    TURN,
    WALK,
    Rules,
)


@kernel
def any_solid(
    blocks: NDArray[np.uint8],
    solid: NDArray[np.bool_],
    x_first: int,
    x_last: int,
    y_first: int,
    y_last: int,
    z_first: int,
    z_last: int,
) -> bool:
    """Tell whether a cell of the box is solid; beside and below the grid all cells are, above it none."""
    size_x, size_y, size_z = blocks.shape
    if x_first < 0 or y_first < 0 or z_first < 0 or x_last >= size_x or y_last >= size_y:
        return True
    for x in range(x_first, x_last + 1):
        for y in range(y_first, y_last + 1):
            for z in range(z_first, min(z_last + 1, size_z)):
                if solid[blocks[x, y, z]]:
                    return True
    return False


@kernel
def is_free(blocks: NDArray[np.uint8], solid: NDArray[np.bool_], x: float, y: float, z: float) -> bool:
    """Tell whether a body with its feet at (x, y, z) would touch no solid block."""
    x_first, x_last = floor(x - RADIUS), ceil(x + RADIUS) - 1
    y_first, y_last = floor(y - RADIUS), ceil(y + RADIUS) - 1
    return not any_solid(blocks, solid, x_first, x_last, y_first, y_last, floor(z), ceil(z + BODY_HEIGHT) - 1)


@kernel
def push(
    blocks: NDArray[np.uint8], solid: NDArray[np.bool_], motion: NDArray[np.float64], axis: int, step: float
) -> bool:
    """Move the body by `step` along `axis` as far as it is free; return whether a block stopped it."""
    x_first, x_last = floor(motion[0] - RADIUS), ceil(motion[0] + RADIUS) - 1
    y_first, y_last = floor(motion[1] - RADIUS), ceil(motion[1] + RADIUS) - 1
    z_first, z_last = floor(motion[2]), ceil(motion[2] + BODY_HEIGHT) - 1
    below, above = (0.0, BODY_HEIGHT) if axis == 2 else (RADIUS, RADIUS)
    if step > 0:
        cell, last, stride = ceil(motion[axis] + above), ceil(motion[axis] + above + step) - 1, 1
    else:
        cell, last, stride = floor(motion[axis] - below) - 1, floor(motion[axis] - below + step), -1
    while (last - cell) * stride >= 0:  # the cells that the leading face enters, nearest first
        if axis == 0:
            x_first, x_last = cell, cell
        elif axis == 1:
            y_first, y_last = cell, cell
        else:
            z_first, z_last = cell, cell
        if any_solid(blocks, solid, x_first, x_last, y_first, y_last, z_first, z_last):
            if step > 0:
                motion[axis] = cell - above - SKIN
            elif axis == 2:
                motion[axis] = cell + 1.0  # feet stand on a block without a gap
            else:
                motion[axis] = cell + 1.0 + below + SKIN
            return True
        cell += stride
    motion[axis] += step
    return False


@kernel
def is_standing(blocks: NDArray[np.uint8], solid: NDArray[np.bool_], motion: NDArray[np.float64]) -> bool:
    """Tell whether a solid block, or the bottom of the grid, is right under the feet."""
    if motion[2] != floor(motion[2]):
        return False
    x_first, x_last = floor(motion[0] - RADIUS), ceil(motion[0] + RADIUS) - 1
    y_first, y_last = floor(motion[1] - RADIUS), ceil(motion[1] + RADIUS) - 1
    under = floor(motion[2]) - 1
    return any_solid(blocks, solid, x_first, x_last, y_first, y_last, under, under)


@kernel
def fall_or_jump(blocks: NDArray[np.uint8], solid: NDArray[np.bool_], motion: NDArray[np.float64], jumps: bool) -> None:
    """Move the body by one step of gravity, which begins with a jump if it `jumps` and stands."""
    if is_standing(blocks, solid, motion) and motion[3] <= 0:
        motion[3] = JUMP if jumps else 0.0
    if motion[3] == 0 and is_standing(blocks, solid, motion):
        return
    if push(blocks, solid, motion, 2, motion[3]):
        motion[3] = 0.0
    if not is_standing(blocks, solid, motion):
        motion[3] = max(motion[3] - GRAVITY, -FASTEST_FALL)


@kernel
def touch(
    blocks: NDArray[np.uint8], runs: NDArray[np.uint32], motion: NDArray[np.float64], rules: Rules
) -> tuple[float, int, bool]:
    """Take every collectable block that the body touches.

    Returns the reward, how many were taken, and whether the body touches a deadly block.
    """
    reward, count, died = 0.0, 0, False
    for x in range(floor(motion[0] - RADIUS), ceil(motion[0] + RADIUS)):
        for y in range(floor(motion[1] - RADIUS), ceil(motion[1] + RADIUS)):
            for z in range(floor(motion[2]), min(ceil(motion[2] + BODY_HEIGHT), blocks.shape[2])):
                kind = blocks[x, y, z]
                died |= rules.deadly[kind]
                if rules.collectable[kind]:
                    reward += rules.reward[kind]
                    count += 1
                    set_block(blocks, runs, x, y, z, AIR)
    return reward, count, died


@kernel
def act(
    blocks: NDArray[np.uint8],
    runs: NDArray[np.uint32],
    motion: NDArray[np.float64],
    facing: NDArray[np.int64],
    carried: NDArray[np.int64],
    action: int,
    rules: Rules,
) -> tuple[float, int, bool, bool]:
    """Take one action: turn, look, use the hand, fall or jump, then walk; all in place.

    Returns the reward, how many blocks were collected, whether the body died, and whether the grid changed.
    """
    effect = rules.actions[action]
    facing[0] = (facing[0] + effect[TURN]) % rules.directions.shape[0]
    facing[1] = min(max(facing[1] + effect[LOOK], LOWEST_PITCH), HIGHEST_PITCH)
    changed = False
    if effect[HAND] != NOTHING:
        changed = use_hand(blocks, runs, motion, facing, carried, effect[HAND], rules)
    fall_or_jump(blocks, rules.solid, motion, effect[JUMPS] != 0)
    if effect[WALK] != 0:
        pace = rules.speed * effect[WALK]
        push(blocks, rules.solid, motion, 0, pace * rules.directions[facing[0], 0])
        push(blocks, rules.solid, motion, 1, pace * rules.directions[facing[0], 1])
    reward, count, died = touch(blocks, runs, motion, rules)
    return reward, count, died, changed or count > 0
