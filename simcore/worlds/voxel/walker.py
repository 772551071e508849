"""The hand-made policy of Random City: pick a random open place, walk there, pick the next."""

from math import atan2, ceil, floor, pi
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from simcore.worlds import state as saved
from simcore.worlds.voxel.batch import Episodes
from simcore.worlds.voxel.body import any_solid, push
from simcore.worlds.voxel.env import WorldVectorEnv
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.planner import is_clear, shortest_path
from simcore.worlds.voxel.rng import fork, random_between
from simcore.worlds.voxel.rules import BODY_HEIGHT, RADIUS, Rules

MOVES = ("forward", "turn_left", "turn_right", "forward_left", "forward_right")
FORWARD, TURN_LEFT, TURN_RIGHT, FORWARD_LEFT, FORWARD_RIGHT = range(5)
ARRIVED = 0.6  # cells from the goal at which it counts as reached
WIDEST_ARC = pi / 3  # a target further off the heading is first turned to
NEAREST_ARC = 3.0  # ... unless it is this many cells away, so that the arc does not circle around it
GOALS_TRIED = 100  # random goals, before a walker stays where it is
STALLED = 0.05  # a step of less than this fraction of the speed counts as none
CAUTION = 8  # steps to go from cell to cell after a stall
PATIENCE = 4.0  # times the straight time that a goal may take before the walker tries random moves


class Plans(NamedTuple):
    """Where the walkers of B environments are going; all arrays are `[B, ...]`."""

    streams: NDArray[np.uint64]  # [B, 1] the random generators
    episode: NDArray[np.int64]  # [B] the episode the plan was made in, 0 for none
    path: NDArray[np.int64]  # [B, N * N] cells x * N + y, from where the plan was made to the goal
    length: NDArray[np.int64]  # [B]
    at: NDArray[np.int64]  # [B] where on the path the walker is
    caution: NDArray[np.int64]  # [B] steps for which it goes from cell to cell, cutting no corners
    patience: NDArray[np.int64]  # [B] steps left before it tries random moves
    reached: NDArray[np.int64]  # [B] goals reached since the walker was made


class Walker:
    """Walks a batch of cities from one random open place to the next.

    Each environment has its own random generator, made from `seed` and its index, so its walk does not depend
    on the size of the batch. A walk is replanned when an episode begins.

    Args:
        env: the worlds to walk in, perhaps with wrappers; they must be reset before the first `act`, and offer the
            actions `MOVES`.
        seed: of all generators.

    Raises:
        ValueError: these are no worlds of a level of SimCore's, or it lacks one of the actions.
    """

    def __init__(self, env: "VectorEnv[Any, Any, Any]", seed: int = 0) -> None:
        env = env.unwrapped
        if not isinstance(env, WorldVectorEnv):
            raise ValueError(f"the walker walks in vector environments of SimCore, not in {type(env).__name__}")
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
            at=np.zeros(batch, np.int64),
            caution=np.zeros(batch, np.int64),
            patience=np.zeros(batch, np.int64),
            reached=np.zeros(batch, np.int64),
        )

    def act(self) -> NDArray[np.int64]:
        """Return the next action of each environment, `int64 [B]`; to be called once before every step."""
        actions = np.empty(self.env.num_envs, np.int64)
        choose_all(self.env.episodes, self.env.episode_count, self.env.rules, self.plans, self._moves, actions)
        return actions

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return everything that the next actions depend on besides the environment: a flat dict of arrays."""
        return {name: array.copy() for name, array in self.plans._asdict().items()}

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore a state of `get_state`.

        Raises:
            ValueError: a key is missing or unknown, or an array has another shape or type; nothing is changed
                then.
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
    open_cells = np.empty((size, size), np.bool_)
    scratch = np.empty(4)
    for b in range(actions.shape[0]):
        find_open(episodes.blocks[b], rules.solid, floor(episodes.motion[b, 2]), open_cells)
        x, y = episodes.motion[b, 0], episodes.motion[b, 1]
        if follow_plan(open_cells, x, y, plans, b, episode_count[b]):
            plans.patience[b] = ceil(PATIENCE * (plans.length[b] / rules.speed + rules.directions.shape[0]))
        stalls = True
        move = FORWARD
        if plans.caution[b] == 0:
            target = plans.path[b, furthest_clear(open_cells, x, y, plans, b)]
            move, stalls = choose_move(episodes, rules, b, target, scratch)
            plans.caution[b] = CAUTION if stalls else 0
        if stalls:
            # The way is clear, but not along the available headings: from cell to cell the body always slides
            # through.
            plans.caution[b] -= 1
            target = plans.path[b, min(plans.at[b] + 1, plans.length[b] - 1)]
            move, _ = choose_move(episodes, rules, b, target, scratch)
        plans.patience[b] -= 1
        if plans.patience[b] < 0 and random_between(plans.streams[b], 0, 1) == 0:
            move = random_between(plans.streams[b], 0, len(MOVES) - 1)  # long steps can miss a narrow way forever
        actions[b] = moves[move]


@kernel
def find_open(blocks: NDArray[np.uint8], solid: NDArray[np.bool_], floor_z: int, open_cells: NDArray[np.bool_]) -> None:
    """Write which cells leave room for a body standing at height `floor_z`, `bool [N, N]`."""
    for x in range(open_cells.shape[0]):
        for y in range(open_cells.shape[1]):
            open_cells[x, y] = not any_solid(blocks, solid, x, x, y, y, floor_z, floor_z + int(BODY_HEIGHT))


@kernel
def follow_plan(open_cells: NDArray[np.bool_], x: float, y: float, plans: Plans, b: int, episode: int) -> bool:
    """Find walker `b` on its path, and plan again if the episode or the path has ended or it left the path.

    Returns whether it has a new goal.
    """
    size = open_cells.shape[0]
    here = floor(x) * size + floor(y)
    begun = plans.episode[b] != episode
    goal = plans.path[b, plans.length[b] - 1]
    arrived = not begun and abs(goal // size + 0.5 - x) < ARRIVED and abs(goal % size + 0.5 - y) < ARRIVED
    if begun or arrived:
        plans.episode[b] = episode
        plans.reached[b] += arrived
        plans.caution[b] = 0
        pick_goal(open_cells, here, plans, b)
        return True
    for index in range(plans.length[b]):
        if plans.path[b, index] == here:
            plans.at[b] = index
            return False
    plans.length[b] = shortest_path(open_cells, here, goal, plans.path[b])
    plans.at[b] = 0
    if plans.length[b] == 0:  # outside the plane of a city there are steps that only lead down
        pick_goal(open_cells, here, plans, b)
        return True
    return False


@kernel
def pick_goal(open_cells: NDArray[np.bool_], here: int, plans: Plans, b: int) -> None:
    """Plan the path of walker `b` to a random open place; it stays if `GOALS_TRIED` of them cannot be reached."""
    size = open_cells.shape[0]
    plans.path[b, 0] = here
    plans.length[b], plans.at[b] = 1, 0
    for _ in range(GOALS_TRIED):
        goal = random_between(plans.streams[b], 0, size * size - 1)
        if goal != here and open_cells[goal // size, goal % size]:
            length = shortest_path(open_cells, here, goal, plans.path[b])
            if length > 0:
                plans.length[b] = length
                return


@kernel
def furthest_clear(open_cells: NDArray[np.bool_], x: float, y: float, plans: Plans, b: int) -> int:
    """Return the furthest place on the path of walker `b` to which it can walk straight from (x, y)."""
    size = open_cells.shape[0]
    for index in range(plans.length[b] - 1, plans.at[b] + 1, -1):
        cell = plans.path[b, index]
        if is_clear(open_cells, x, y, cell // size + 0.5, cell % size + 0.5, RADIUS):
            return index
    return min(plans.at[b] + 1, plans.length[b] - 1)


@kernel
def choose_move(
    episodes: Episodes, rules: Rules, b: int, target: int, scratch: NDArray[np.float64]
) -> tuple[int, bool]:
    """Return the move (a number of `MOVES`) of walker `b` towards a cell, and whether it stalls.

    A stalled walker heads for the target and cannot move; `scratch` is `float64 [4]`.
    """
    motion, facing = episodes.motion[b], episodes.facing[b, 0]
    size, turns = episodes.blocks.shape[1], rules.directions.shape[0]
    ahead_x, ahead_y = target // size + 0.5 - motion[0], target % size + 0.5 - motion[1]
    wanted = atan2(ahead_x, -ahead_y) * turns / (2 * pi) - facing
    off = (wanted + turns / 2) % turns - turns / 2  # turns to the right, in -turns / 2 .. turns / 2
    side = 1 if off > 0 else -1
    turn = 0 if abs(off) <= 0.5 else side
    far = ahead_x * ahead_x + ahead_y * ahead_y > NEAREST_ARC * NEAREST_ARC
    if turn == 0 or far or (abs(off) - 1) * 2 * pi / turns <= WIDEST_ARC:
        for tried in (turn, side):
            for part in range(4):
                scratch[part] = motion[part]
            heading = rules.directions[(facing + tried) % turns]
            push(episodes.blocks[b], rules.solid, scratch, 0, rules.speed * heading[0])
            push(episodes.blocks[b], rules.solid, scratch, 1, rules.speed * heading[1])
            moved = max(abs(scratch[0] - motion[0]), abs(scratch[1] - motion[1]))
            if moved > STALLED * rules.speed:
                return (FORWARD if tried == 0 else FORWARD_LEFT if tried < 0 else FORWARD_RIGHT), False
    return (TURN_LEFT if side < 0 else TURN_RIGHT), turn == 0
