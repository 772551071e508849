"""The hand: kernels that find the block in the line of sight, remove it, or place one before it."""

from math import floor

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.voxel.grid import AIR, set_block
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.rules import BODY_HEIGHT, EYE_HEIGHT, LOWEST_PITCH, RADIUS, REACH, REMOVE, Rules


@kernel
def aim(
    blocks: NDArray[np.uint8], motion: NDArray[np.float64], direction: NDArray[np.float64], slope: float
) -> tuple[bool, int, int, int, int, int, int]:
    """Follow the line of sight from the eye to the first block in reach.

    Returns whether there is one, its cell (x, y, z), and the empty cell (x, y, z) before it.
    """
    size_x, size_y, size_z = blocks.shape
    origin = (motion[0], motion[1], motion[2] + EYE_HEIGHT)
    ray = (direction[0], direction[1], slope)
    x, y, z = floor(origin[0]), floor(origin[1]), floor(origin[2])
    reach = REACH / np.sqrt(1.0 + slope * slope)  # in level distance, the unit of `ray`
    while True:
        old_x, old_y, old_z = x, y, z
        # Distances to the walls of this cell; recomputed at each step, since the way is short.
        to_x = (x + (ray[0] > 0) - origin[0]) / ray[0] if ray[0] != 0 else np.inf
        to_y = (y + (ray[1] > 0) - origin[1]) / ray[1] if ray[1] != 0 else np.inf
        to_z = (z + (ray[2] > 0) - origin[2]) / ray[2] if ray[2] != 0 else np.inf
        nearest = min(to_x, to_y, to_z)
        if nearest > reach:
            return False, 0, 0, 0, 0, 0, 0
        if to_x == nearest:
            x += 1 if ray[0] > 0 else -1
        elif to_y == nearest:
            y += 1 if ray[1] > 0 else -1
        else:
            z += 1 if ray[2] > 0 else -1
        if x < 0 or y < 0 or z < 0 or x >= size_x or y >= size_y:
            return False, 0, 0, 0, 0, 0, 0
        if z < size_z and blocks[x, y, z] != AIR:
            return True, x, y, z, old_x, old_y, old_z


@kernel
def use_hand(
    blocks: NDArray[np.uint8],
    runs: NDArray[np.uint32],
    motion: NDArray[np.float64],
    facing: NDArray[np.int64],
    carried: NDArray[np.int64],
    hand: int,
    rules: Rules,
) -> bool:
    """Remove the block in the line of sight, or place one before it; return whether the grid changed.

    A block is placed only where the body is not, and is of the lowest kind carried.
    """
    slope = rules.slopes[facing[1] - LOWEST_PITCH]
    hit, x, y, z, free_x, free_y, free_z = aim(blocks, motion, rules.directions[facing[0]], slope)
    if not hit:
        return False
    if hand == REMOVE:
        kind = blocks[x, y, z]
        if not rules.removable[kind]:
            return False
        carried[kind] += 1
        set_block(blocks, runs, x, y, z, AIR)
        return True
    in_body = (
        abs(free_x + 0.5 - motion[0]) < 0.5 + RADIUS
        and abs(free_y + 0.5 - motion[1]) < 0.5 + RADIUS
        and free_z + 1 > motion[2]
        and free_z < motion[2] + BODY_HEIGHT
    )
    if in_body or free_z >= blocks.shape[2]:
        return False
    for kind in range(carried.shape[0]):
        if carried[kind] > 0:
            carried[kind] -= 1
            set_block(blocks, runs, free_x, free_y, free_z, kind)
            return True
    return False
