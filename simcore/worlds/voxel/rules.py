"""The rules of a level as tables, and the dimensions of the body, in cells and steps."""

from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.voxel.grid import KINDS

RADIUS = 0.3
BODY_HEIGHT = 1.8
EYE_HEIGHT = 1.6
JUMP = 0.75  # with GRAVITY, heights of 0.75, 1.1, 1.05, 0.6: over one block, never over two
JUMP_REACH = 3  # cells above the floor that a body touches in a jump, its own among them
GRAVITY = 0.4
FASTEST_FALL = 0.9
REACH = 4.5  # of the hand, from the eye
PITCH_STEP = 22.5  # degrees
LOWEST_PITCH, HIGHEST_PITCH = -4, 2  # steps; at the lowest, the hand places blocks under the body
STEEPEST = 89.0  # degrees; pitch shifts the picture, which would take it infinitely far at 90
SKIN = 1e-4  # the gap kept to a wall, so that rounding never puts the body inside it

TURN, LOOK, WALK, JUMPS, HAND = range(5)  # the columns of the action table
NOTHING, REMOVE, PLACE = range(3)  # what the hand does


class Rules(NamedTuple):
    """The tables that the body's kernels read; `A` actions, `K` kinds, `D` headings.

    `actions` is `int64 [A, 5]`, columns as above; `speed` in cells a step; `directions` `float64 [D, 2]` the
    unit vectors (x, y) of the headings; `slopes` `float64 [P]` the tangents of the pitches, lowest first; the
    others are the kinds' properties, `[K]`.
    """

    actions: NDArray[np.int64]
    speed: float
    directions: NDArray[np.float64]
    slopes: NDArray[np.float64]
    solid: NDArray[np.bool_]
    collectable: NDArray[np.bool_]
    removable: NDArray[np.bool_]
    deadly: NDArray[np.bool_]
    reward: NDArray[np.float64]


def widest_leap(speed: float, drop: int = 0) -> int:
    """Return the widest gap, in whole cells, that a jump can cross to a place `drop` cells lower."""
    height, rise, steps = 0.0, JUMP, 0
    while height + rise >= -drop:  # the walks of these steps are taken in the air
        height, rise, steps = height + rise, max(rise - GRAVITY, -FASTEST_FALL), steps + 1
    # At both ends the feet may stand over the gap with all but a sliver of their width.
    return ceil(steps * speed + 2 * RADIUS) - 1


def make_rules(actions: NDArray[np.int64], speed: float, turn_angle: float) -> Rules:
    """Build the tables of `Rules`; `turn_angle` in degrees, dividing 360."""
    angles = np.deg2rad(np.arange(round(360 / turn_angle)) * turn_angle)
    # Rounding makes the four main directions exact, so that walking along a lane stays in the lane.
    directions = np.round(np.stack([np.sin(angles), -np.cos(angles)], axis=1), 15) + 0.0
    pitches = np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1) * PITCH_STEP
    return Rules(
        actions=actions,
        speed=float(speed),
        directions=directions,
        slopes=np.round(np.tan(np.deg2rad(np.clip(pitches, -STEEPEST, STEEPEST))), 15),
        solid=np.array([kind.solid for kind in KINDS]),
        collectable=np.array([kind.collectable for kind in KINDS]),
        removable=np.array([kind.removable for kind in KINDS]),
        deadly=np.array([kind.deadly for kind in KINDS]),
        reward=np.array([kind.reward for kind in KINDS]),
    )
