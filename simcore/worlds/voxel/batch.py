"""A batch of running episodes as plain arrays, and the kernels that step and render all of them."""

from math import floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcore.worlds.api import NO_CLASS
from simcore.worlds.voxel.body import act
from simcore.worlds.voxel.grid import FOOD, KINDS, World, count_kind, index_grid
from simcore.worlds.voxel.kernels import kernel
from simcore.worlds.voxel.raster import Camera, draw_frame
from simcore.worlds.voxel.rules import EYE_HEIGHT, LOWEST_PITCH, PITCH_STEP, STEEPEST, Rules
from simcore.worlds.voxel.topdown import EGO, START, locate_cells, map_seen, plot_map, to_map


class Episodes(NamedTuple):
    """The state of B episodes; all arrays are `[B, ...]`."""

    blocks: NDArray[np.uint8]  # [B, X, Y, Z]
    spawn: NDArray[np.float64]  # [B, 3] x, y, z of the start
    spawn_heading: NDArray[np.int64]  # [B]
    motion: NDArray[np.float64]  # [B, 4], see body
    facing: NDArray[np.int64]  # [B, 2], see body
    carried: NDArray[np.int64]  # [B, K] blocks in hand, by kind
    food_left: NDArray[np.int64]  # [B]
    elapsed: NDArray[np.int64]  # [B] steps since the start
    last_seen: NDArray[np.int32]  # [B, X, Y] the step at which a frame last showed a column of the grid; -1: none


class Views(NamedTuple):
    """The outputs of B episodes, made from `Episodes` at every step; all arrays but the scratch are `[B, ...]`."""

    frames: NDArray[np.uint8]  # [B, H, W, 3]
    rewards: NDArray[np.float64]  # [B]
    terminated: NDArray[np.bool_]  # [B]
    truncated: NDArray[np.bool_]  # [B]
    maps: NDArray[np.uint8]  # [B, N, N, 3]
    seen_maps: NDArray[np.bool_]  # [B, N, N]
    since_seen_maps: NDArray[np.int32]  # [B, N, N] steps since a frame last showed a cell; -1: none
    poses: NDArray[np.float32]  # [B, 5] x, y, z, heading, pitch in the frame of the start
    headings: NDArray[np.int64]  # [B] turns since the start, 0 .. D - 1
    cells: NDArray[np.int64]  # [B] row * N + column of the start-frame map
    runs: NDArray[np.uint32]  # [B, X, Y, Z], see grid
    located: NDArray[np.int32]  # [B, N, N], see topdown
    pixels: NDArray[np.uint32]  # [H] scratch of the renderer


def make_episodes(num_envs: int, size: int, height: int) -> Episodes:
    """Allocate the arrays of `num_envs` episodes on grids `[size, size, height]`."""
    return Episodes(
        blocks=np.zeros((num_envs, size, size, height), np.uint8),
        spawn=np.zeros((num_envs, 3)),
        spawn_heading=np.zeros(num_envs, np.int64),
        motion=np.zeros((num_envs, 4)),
        facing=np.zeros((num_envs, 2), np.int64),
        carried=np.zeros((num_envs, len(KINDS)), np.int64),
        food_left=np.zeros(num_envs, np.int64),
        elapsed=np.zeros(num_envs, np.int64),
        last_seen=np.full((num_envs, size, size), -1, np.int32),
    )


def make_views(num_envs: int, size: int, height: int, frame_size: int) -> Views:
    """Allocate the arrays that `move` and `show` write."""
    return Views(
        frames=np.zeros((num_envs, frame_size, frame_size, 3), np.uint8),
        rewards=np.zeros(num_envs),
        terminated=np.zeros(num_envs, np.bool_),
        truncated=np.zeros(num_envs, np.bool_),
        maps=np.zeros((num_envs, size, size, 3), np.uint8),
        seen_maps=np.zeros((num_envs, size, size), np.bool_),
        since_seen_maps=np.zeros((num_envs, size, size), np.int32),
        poses=np.zeros((num_envs, 5), np.float32),
        headings=np.zeros(num_envs, np.int64),
        cells=np.zeros(num_envs, np.int64),
        runs=np.zeros((num_envs, size, size, height), np.uint32),
        located=np.zeros((num_envs, size, size), np.int32),
        pixels=np.zeros(frame_size, np.uint32),
    )


def begin(episodes: Episodes, index: int, world: World) -> None:
    """Make `world` the start of a new episode in place `index`."""
    episodes.blocks[index] = world.blocks
    episodes.spawn[index] = world.spawn
    episodes.spawn_heading[index] = world.heading
    episodes.motion[index] = (*world.spawn, 0.0)
    episodes.facing[index] = (world.heading, 0)
    episodes.carried[index] = 0
    for kind, count in world.carried.items():
        episodes.carried[index, kind] = count
    episodes.food_left[index] = count_kind(episodes.blocks[index], FOOD)
    episodes.elapsed[index] = 0
    episodes.last_seen[index] = -1


@kernel
def show_map(episodes: Episodes, views: Views, b: int, rules: Rules, camera: Camera, map_frame: int) -> None:
    """Render the map of episode `b`, in the frame `map_frame`."""
    size = views.located.shape[1]
    if map_frame == START:
        x, y, heading = episodes.spawn[b, 0], episodes.spawn[b, 1], episodes.spawn_heading[b]
    elif map_frame == EGO:
        x, y, heading = episodes.motion[b, 0], episodes.motion[b, 1], episodes.facing[b, 0]
    else:
        x, y, heading = size // 2 + 0.5, size // 2 + 0.5, 0
    locate_cells(x, y, rules.directions[heading], views.located[b], size)
    plot_map(views.runs[b], views.located[b], camera.colours, views.maps[b])


@kernel
def show_pose(episodes: Episodes, views: Views, b: int, rules: Rules) -> None:
    """Write the pose of episode `b` in the frame of its start."""
    size = views.located.shape[1]
    turns = rules.directions.shape[0]
    spawn, motion = episodes.spawn[b], episodes.motion[b]
    up = rules.directions[episodes.spawn_heading[b]]
    x, y = to_map(spawn[0], spawn[1], up, size, motion[0], motion[1])
    heading = (episodes.facing[b, 0] - episodes.spawn_heading[b]) % turns
    pose = views.poses[b]
    pose[0], pose[1], pose[2] = x, y, motion[2]
    pose[3] = 2 * np.pi * heading / turns
    pose[4] = np.deg2rad(max(PITCH_STEP * episodes.facing[b, 1], -STEEPEST))
    views.headings[b] = heading
    # A start away from the grid's middle lets the body leave the map.
    column, row = floor(pose[0]), floor(pose[1])
    is_on_map = min(column, row) >= 0 and max(column, row) < size
    views.cells[b] = row * size + column if is_on_map else NO_CLASS


@kernel
def move(
    episodes: Episodes,
    views: Views,
    actions: NDArray[np.int64],
    begins: NDArray[np.bool_],
    changed: NDArray[np.bool_],
    rules: Rules,
    episode_length: int,
) -> None:
    """Take a step in the whole batch; an episode that `begins` (`bool [B]`) only gets its runs.

    Actions are `int64 [B]`, each a row of the rules' table. `changed` (`bool [B]`) receives where the grid has
    changed; the other results are in `views`.
    """
    for b in range(actions.shape[0]):
        reward, collected, died, changed[b] = 0.0, 0, False, True
        if begins[b]:
            index_grid(episodes.blocks[b], views.runs[b])
        else:
            reward, collected, died, changed[b] = act(
                episodes.blocks[b],
                views.runs[b],
                episodes.motion[b],
                episodes.facing[b],
                episodes.carried[b],
                actions[b],
                rules,
            )
            episodes.elapsed[b] += 1
            episodes.food_left[b] -= collected
        views.rewards[b] = reward
        views.terminated[b] = died or (collected > 0 and episodes.food_left[b] == 0)
        views.truncated[b] = episodes.elapsed[b] >= episode_length and not views.terminated[b]


@kernel
def show(
    episodes: Episodes,
    views: Views,
    changed: NDArray[np.bool_],
    rules: Rules,
    camera: Camera,
    map_frame: int,
) -> None:
    """Render the frames of the whole batch, and update maps and poses; all results are in `views`."""
    for b in range(changed.shape[0]):
        motion, facing = episodes.motion[b], episodes.facing[b]
        eye = (motion[0], motion[1], motion[2] + EYE_HEIGHT)
        slope = rules.slopes[facing[1] - LOWEST_PITCH]
        draw_frame(
            views.runs[b],
            eye,
            rules.directions[facing[0]],
            slope,
            camera,
            views.frames[b],
            views.pixels,
            episodes.last_seen[b],
            episodes.elapsed[b],
        )
        if changed[b] or map_frame == EGO:
            show_map(episodes, views, b, rules, camera, map_frame)
        now, since, seen = episodes.elapsed[b], views.since_seen_maps[b], views.seen_maps[b]
        map_seen(episodes.last_seen[b], now, views.located[b], since, seen)
        show_pose(episodes, views, b, rules)
