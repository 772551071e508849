"""The hand-made policy of Random City: pick a random open place, walk there the shortest way, pick the next."""

from math import atan2, floor, pi
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcore.worlds import state as saved
from simcore.worlds.batch import Episodes
from simcore.worlds.body import any_solid, is_free
from simcore.worlds.env import WorldVectorEnv
from simcore.worlds.kernels import kernel
from simcore.worlds.planner import is_clear, shortest_path
from simcore.worlds.rules import BODY_HEIGHT, RADIUS, Rules
from simcore.worlds.streams import draw_between, fork

MOVES = ("forward", "turn_left", "turn_right", "forward_left", "forward_right")
FORWARD, TURN_LEFT, TURN_RIGHT, FORWARD_LEFT, FORWARD_RIGHT = range(5)
ARRIVED = 0.6  # cells from the goal at which it counts as reached
WIDEST_ARC = pi / 3  # a target further off the heading is turned to before walking on
NEAREST_ARC = 3.0  # ... unless it is this many cells away, so that the arc does not circle around it


class Plans(NamedTuple):
    """Where the walkers of B environments are going; all arrays are `[B, ...]`."""

    streams: NDArray[np.uint64]  # [B, 1]
    episode: NDArray[np.int64]  # [B] the episode the plan was made in, 0 for none
    path: NDArray[np.int64]  # [B, N * N] cells x * N + y, from where the plan was made to the goal
    length: NDArray[np.int64]  # [B]
    target: NDArray[np.int64]  # [B] which cell of the path is being walked to
    reached: NDArray[np.int64]  # [B] goals reached since the walker was made


class Walker:
    """Walks a batch of cities from one random open place to the next.

    Each environment has its own random stream, made from `seed` and its index, so its walk does not depend on the
    size of the batch. A walk is replanned when an episode begins.

    Args:
        env: the worlds to walk in; they must be reset before the first `act`, and offer the actions `MOVES`.
        seed: of all streams.

    Raises:
        ValueError: the level lacks one of the actions.
    """

    def __init__(self, env: WorldVectorEnv, seed: int = 0) -> None:
        missing = sorted(set(MOVES) - set(env.action_names))
        if missing:
            raise ValueError(f"the walker needs the actions {missing}, which {env.level.name} does not have")
        self.env = env
        batch, cells = env.num_envs, env.config.size**2
        self._moves = np.array([env.action_names.index(name) for name in MOVES], np.int64)
        streams = [[fork(np.uint64(seed % 2**64), index)] for index in range(batch)]
        self.plans = Plans(
            streams=np.array(streams, np.uint64),
            episode=np.zeros(batch, np.int64),
            path=np.zeros((batch, cells), np.int64),
            length=np.zeros(batch, np.int64),
            target=np.zeros(batch, np.int64),
            reached=np.zeros(batch, np.int64),
        )

    def act(self) -> NDArray[np.int64]:
        """Return the next action of each environment, `int64 [B]`; to be called once before every step."""
        actions = np.empty(self.env.num_envs, np.int64)
        choose_all(
            self.env.episodes, self.env.episode_count, self.env.rules, self.plans, self._moves, actions
        )
        return actions

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return all that the next actions depend on beside the environment, as a flat dict of plain arrays."""
        return {name: array.copy() for name, array in self.plans._asdict().items()}

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a state of `get_state`.

        Raises:
            ValueError: a key is missing or unknown, or an array has another shape or type; nothing is changed then.
        """
        saved.check(state, self.get_state())
        for name, array in self.plans._asdict().items():
            array[...] = state[name]


@kernel
def choose_all(
    episodes: Episodes,
    episode_count: NDArray[np.int64],
    rules: Rules,
    plans: Plans,
    moves: NDArray[np.int64],
    actions: NDArray[np.int64],
) -> None:
    """Write every walker's next action; `moves` (`int64 [5]`) are the level's numbers of `MOVES`."""
    size = episodes.blocks.shape[1]
    for b in range(actions.shape[0]):
        open_cells = np.empty((size, size), np.bool_)
        find_open(episodes.blocks[b], rules.solid, floor(episodes.motion[b, 2]), open_cells)
        x, y = episodes.motion[b, 0], episodes.motion[b, 1]
        last = plans.path[b, max(plans.length[b] - 1, 0)]
        arrived = abs(last // size + 0.5 - x) < ARRIVED and abs(last % size + 0.5 - y) < ARRIVED
        begun = plans.episode[b] != episode_count[b]
        if begun or arrived:
            plans.reached[b] += not begun
            plans.episode[b] = episode_count[b]
            make_plan(open_cells, x, y, plans, b)
        aim_along_path(open_cells, x, y, plans, b)
        cell = plans.path[b, plans.target[b]]
        move = choose_move(episodes, rules, b, cell // size + 0.5, cell % size + 0.5)
        actions[b] = moves[move]


@kernel
def find_open(
    blocks: NDArray[np.uint8], solid: NDArray[np.bool_], floor_z: int, open_cells: NDArray[np.bool_]
) -> None:
    """Write which cells leave room for a body standing at height `floor_z`, `bool [N, N]`."""
    for x in range(open_cells.shape[0]):
        for y in range(open_cells.shape[1]):
            open_cells[x, y] = not any_solid(blocks, solid, x, x, y, y, floor_z, floor_z + int(BODY_HEIGHT))


@kernel
def make_plan(open_cells: NDArray[np.bool_], x: float, y: float, plans: Plans, b: int) -> None:
    """Draw goals for walker `b` until one can be reached from (x, y), and plan the way there."""
    size = open_cells.shape[0]
    start = floor(x) * size + floor(y)
    plans.length[b] = 0
    while plans.length[b] == 0:
        goal = draw_between(plans.streams[b], 0, size * size - 1)
        if open_cells[goal // size, goal % size]:
            plans.length[b] = shortest_path(open_cells, start, goal, plans.path[b])
    plans.target[b] = 0


@kernel
def aim_along_path(open_cells: NDArray[np.bool_], x: float, y: float, plans: Plans, b: int) -> None:
    """Make the target the furthest cell of the path that can be walked to straight from (x, y)."""
    size = open_cells.shape[0]
    target = plans.length[b] - 1
    while target > 0:
        cell = plans.path[b, target]
        if is_clear(open_cells, x, y, cell // size + 0.5, cell % size + 0.5, RADIUS):
            break
        target -= 1
    plans.target[b] = target


@kernel
def choose_move(episodes: Episodes, rules: Rules, b: int, to_x: float, to_y: float) -> int:
    """Return the move (a number of `MOVES`) that brings walker `b` nearer to the way to (to_x, to_y)."""
    motion = episodes.motion[b]
    turns = rules.directions.shape[0]
    ahead_x, ahead_y = to_x - motion[0], to_y - motion[1]
    wanted = atan2(ahead_x, -ahead_y) * turns / (2 * pi) - episodes.facing[b, 0]
    off = (wanted + turns / 2) % turns - turns / 2  # turns to the right, in -turns / 2 .. turns / 2
    if abs(off) <= 0.5:
        return FORWARD
    right = off > 0
    angle_left = (abs(off) - 1) * 2 * pi / turns
    far = ahead_x * ahead_x + ahead_y * ahead_y > NEAREST_ARC * NEAREST_ARC
    if angle_left <= WIDEST_ARC or far:
        heading = rules.directions[(episodes.facing[b, 0] + (1 if right else -1)) % turns]
        x, y = motion[0] + rules.speed * heading[0], motion[1] + rules.speed * heading[1]
        if is_free(episodes.blocks[b], rules.solid, x, y, motion[2]):
            return FORWARD_RIGHT if right else FORWARD_LEFT
    return TURN_RIGHT if right else TURN_LEFT
