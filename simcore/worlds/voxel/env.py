"""The Gymnasium vector environment of SimCore's levels; a single one is in `single`."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Discrete
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from simcore.worlds import state as saved
from simcore.worlds.api import Arrays, ProbeTarget
from simcore.worlds.checks import checked_actions, require_valid
from simcore.worlds.conventions import Seeds, checked_reset_mask, checked_seeds, with_masks
from simcore.worlds.voxel.batch import begin, make_episodes, make_views, move, show
from simcore.worlds.voxel.levels import find_level
from simcore.worlds.voxel.raster import make_camera
from simcore.worlds.voxel.rules import make_rules
from simcore.worlds.voxel.topdown import MAP_FRAMES

Frames = NDArray[np.uint8]
Info = dict[str, Any]


class WorldVectorEnv(VectorEnv[Frames, NDArray[np.int64], NDArray[Any]]):
    """A batch of B episodes of one level, stepped and rendered by two compiled calls on one core.

    Observations are `uint8 [B, H, W, 3]`, actions `int64 [B]` (see `action_names`), rewards `float64 [B]`,
    flags `bool [B]`. After an episode's end the next step ignores that environment's action and returns the
    first frame of its next episode, with reward 0 (`AutoresetMode.NEXT_STEP`). Environment i of a batch reset
    with seed s goes through the same episodes, bit for bit, as a single environment reset with seed s + i.

    `info` of every reset and step holds plain arrays, each with its mask (`_pose`, ...), `bool [B]`: True everywhere,
    but for a reset of some environments, where it is True for these alone:

    - `pose` `float32 [B, 5]`: x, y, z in cells, heading in [0, 2π) clockwise, and pitch, upwards; in radians.
      In the frame of the start: `map[floor(y), floor(x)]` is the agent's cell in a start-frame map, and its heading
      starts at 0. Where the start is not in the middle of the grid, that is in all levels but Random City, the map
      does not show all of it, and the agent may walk off the map.
    - `heading_index` `int64 [B]`: the heading in turns, 0 .. 360 / turn_angle - 1.
    - `cell` `int64 [B]`: `floor(y) * N + floor(x)`; -1 off the map.
    - `map` `uint8 [B, N, N, 3]`: the true map from above, in the config's `map_frame`; N is the level's size.
    - `seen` `bool [B, N, N]`: the map's cells of which a frame of this episode has shown a block.
    - `since_seen` `int32 [B, N, N]`: the steps since a frame last showed it; 0 if this frame does, -1 if none has.

    Args:
        level: a name in `LEVELS`.
        num_envs: B.
        copy: return copies, safe to keep; if False, arrays that the next step overwrites.
        render_mode: "rgb_array" or None.
        max_episode_steps: a limit beside the level's own `episode_length`, as `gymnasium.make_vec` gives it.
        **level_kwargs: the arguments of the level's config.

    Raises:
        ValueError: an unknown level, or an argument out of its limits.
        TypeError: an argument that the level's config does not have.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": 10,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    resumes_episodes = True
    """Whether `set_state` resumes within the episodes."""

    busy_with = "its batch of worlds"
    """What works, for messages: kernels step all worlds in one call."""

    episode_metrics = ("food",)
    """The names of episode metrics: `food` is the fraction of an episode's food that was eaten; NaN without food."""

    def __init__(
        self,
        level: str,
        num_envs: int = 1,
        *,
        copy: bool = True,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        **level_kwargs: Any,
    ) -> None:
        require_valid(num_envs >= 1, f"num_envs is {num_envs}; it must be at least 1")
        require_valid(render_mode in (None, "rgb_array"), f"render_mode is {render_mode!r}; allowed is rgb_array")
        self.level = find_level(level)
        self.config = self.level.config(**level_kwargs)
        if max_episode_steps is not None:
            limit = min(max_episode_steps, self.config.episode_length)
            self.config = replace(self.config, episode_length=limit)
        self.action_names = self.level.action_names
        self.num_envs = num_envs
        self.copy = copy
        self.render_mode = render_mode
        frame_shape = (self.config.frame_size, self.config.frame_size, 3)
        self.single_observation_space = Box(0, 255, frame_shape, np.uint8)
        self.single_action_space = Discrete(len(self.level.actions))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

        size, height = self.config.size, self.config.height
        self.rules = make_rules(self.level.action_table(), self.config.speed, self.config.turn_angle)
        self.episodes = make_episodes(num_envs, size, height)
        self.views = make_views(num_envs, size, height, self.config.frame_size)
        self.episode_count = np.zeros(num_envs, np.int64)
        """The number of episodes that each environment has begun, `int64 [B]`; 0 before the first reset."""
        self._food = np.zeros(num_envs, np.int64)  # at the start of each episode
        seeded = [seeding.np_random() for _ in range(num_envs)]
        self.generators = [generator for generator, _ in seeded]
        self._seeds = [seed for _, seed in seeded]
        self._camera = make_camera(self.config.frame_size, self.config.field_of_view)
        self._map_frame = MAP_FRAMES.index(self.config.map_frame)
        self._over = np.zeros(num_envs, np.bool_)
        self._everywhere = np.ones(num_envs, np.bool_)
        self._changed = np.zeros(num_envs, np.bool_)
        self.seconds = {"step": 0.0, "draw": 0.0}
        """Seconds spent so far: on steps, which include making worlds, and on rendering frames, maps and poses."""

    @property
    def probe_targets(self) -> tuple[ProbeTarget, ...]:
        """The probes' targets in `info`: the map, the cell and the heading."""
        return self.config.probe_targets

    def abandon(self) -> bool:
        """Return False: a call under way cannot be given up."""
        return False

    def measure_episodes(self) -> Arrays:
        """Return `food`, float64 `[B]`: the fraction of each current episode's food eaten so far; NaN without food."""
        food_at_start = self._food
        eaten = np.full(self.num_envs, np.nan)
        np.divide(food_at_start - self.episodes.food_left, food_at_start, out=eaten, where=food_at_start > 0)
        return {"food": eaten}

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of each environment, from which the seeds of its episodes come."""
        return tuple(self.generators)

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seed of each environment's generator; -1 where it is unknown, because its state was set."""
        return tuple(self._seeds)

    def reset(self, *, seed: Seeds = None, options: dict[str, Any] | None = None) -> tuple[Frames, Info]:
        """Begin a new episode everywhere, or where the option `reset_mask` is True.

        Args:
            seed: environment i is seeded with `seed + i`, or with `seed[i]`; where None, its generator
                continues.
            options: `reset_mask`, `bool [B]`: which environments to restart; nothing changes in the others, not even
                their generators. `elapsed`, `int [B]`: the steps of its time limit that each of these episodes has
                already used, so that they do not all end at once. Other keys are ignored.

        Raises:
            ValueError: `seed` is neither a whole number from 0, nor B of these or None; `reset_mask` is not an array
                `bool [B]`, False everywhere, or leaves some out in the first reset; or `elapsed` is not B numbers of
                steps within the time limit.
        """
        seeds = checked_seeds(seed, self.num_envs)
        mask = checked_reset_mask(options, self.num_envs, self._has_begun)
        elapsed = np.asarray((options or {}).get("elapsed", np.zeros(self.num_envs, np.int64)))
        limit = self.config.episode_length
        require_valid(
            elapsed.shape == (self.num_envs,) and elapsed.min() >= 0 and elapsed.max() < limit,
            f"elapsed is {elapsed}; it must be {self.num_envs} numbers of steps from 0 to {limit - 1}",
        )
        for index in mask.nonzero()[0]:
            own_seed = seeds[index]
            if own_seed is not None:
                self.generators[index], self._seeds[index] = seeding.np_random(own_seed)
        self._begin(mask)
        self.episodes.elapsed[mask] = elapsed[mask]
        self._show_again()
        self._over[mask] = False
        return self._kept(self.views.frames), with_masks(self._facts(), mask)

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Frames, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Info]:
        """Take an action (`int [B]`) everywhere; see the class for what is returned.

        Raises:
            ResetNeeded: the environment was never reset.
            ValueError: the actions are not B integers in `0 .. A - 1`.
        """
        if not self._has_begun:
            raise ResetNeeded("call reset before the first step")
        chosen = checked_actions(actions, self.num_envs, len(self.level.actions))
        begins = self._over.copy()
        self._begin(begins)
        self._advance(chosen, begins)
        np.logical_or(self.views.terminated, self.views.truncated, out=self._over)
        views = self.views
        results = (views.frames, views.rewards, views.terminated, views.truncated)
        frames, rewards, terminated, truncated = (self._kept(result) for result in results)
        return frames, rewards, terminated, truncated, self._info()

    def observe(self) -> tuple[Frames, Info]:
        """Return the current frames and info without a step, for instance after `set_state`."""
        return self._kept(self.views.frames), self._info()

    def render(self) -> tuple[Frames, ...] | None:
        """Return the current frame of each environment if the render mode is "rgb_array", else None."""
        return tuple(self.views.frames.copy()) if self.render_mode == "rgb_array" else None

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return the full state as a flat dict of plain arrays; with the actions it determines the future."""
        return {
            **{name: array.copy() for name, array in self.episodes._asdict().items()},
            "over": self._over.copy(),
            "episode_count": self.episode_count.copy(),
            "food": self._food.copy(),
            "generators": np.stack([saved.encode(generator) for generator in self.generators]),
        }

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore a state that `get_state` of an environment with the same arguments returned.

        Raises:
            ValueError: a key is missing or unknown, or an array has another shape or type; nothing is changed then.
        """
        saved.check(state, self.get_state())
        for name, array in self.episodes._asdict().items():
            array[...] = state[name]
        self.episode_count[:] = state["episode_count"]
        self._food[:] = state["food"]
        self.generators = [saved.decode(words) for words in state["generators"]]
        self._seeds = [-1] * self.num_envs
        if self._has_begun:
            self._show_again()
        self._over[:] = state["over"]

    @property
    def _has_begun(self) -> bool:
        return bool(self.episode_count[0])  # the first reset begins all of them

    def _begin(self, where: NDArray[np.bool_]) -> None:
        """Begin an episode in these environments, without rendering it."""
        start = time.perf_counter()
        for index in where.nonzero()[0]:
            episode_seed = int(self.generators[index].integers(2**64, dtype=np.uint64))
            begin(self.episodes, int(index), self.level.generate(self.config, episode_seed))
            self._food[index] = self.episodes.food_left[index]
            self.episode_count[index] += 1
        self.seconds["step"] += time.perf_counter() - start

    def _show_again(self) -> None:
        """Render all environments as they are, without a step."""
        self._advance(np.zeros(self.num_envs, np.int64), self._everywhere)

    def _advance(self, actions: NDArray[np.int64], begins: NDArray[np.bool_]) -> None:
        start = time.perf_counter()
        move(self.episodes, self.views, actions, begins, self._changed, self.rules, self.config.episode_length)
        moved = time.perf_counter()
        show(self.episodes, self.views, self._changed, self.rules, self._camera, self._map_frame)
        self.seconds["step"] += moved - start
        self.seconds["draw"] += time.perf_counter() - moved

    def _kept(self, array: NDArray[Any]) -> NDArray[Any]:
        return array.copy() if self.copy else array

    def _info(self) -> Info:
        return with_masks(self._facts(), self._kept(self._everywhere))

    def _facts(self) -> Arrays:
        views = self.views
        return {
            "pose": self._kept(views.poses),
            "heading_index": self._kept(views.headings),
            "cell": self._kept(views.cells),
            "map": self._kept(views.maps),
            "seen": self._kept(views.seen_maps),
            "since_seen": self._kept(views.since_seen_maps),
        }


def make_vector(level: str, num_envs: int, **level_kwargs: Any) -> WorldVectorEnv:
    """Make a vector environment of `num_envs` environments of a level; arguments and errors: `WorldVectorEnv`."""
    return WorldVectorEnv(level, num_envs, **level_kwargs)
