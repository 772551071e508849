"""The vector environment of a batch of Gymnasium environments, with the interface of SimCore's worlds."""

import time
from functools import partial
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Discrete
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from simcore.worlds import state as saved
from simcore.worlds.api import Arrays, ProbeTarget
from simcore.worlds.checks import checked_actions, require_valid
from simcore.worlds.conventions import RESET_MASK, Seeds, checked_reset_mask, checked_seeds, with_masks
from simcore.worlds.gym.config import GymConfig
from simcore.worlds.gym.making import find_spec, make_one
from simcore.worlds.gym.noted import makers
from simcore.worlds.gym.parts import Parts

Frames = NDArray[np.uint8]

_SEEDS = 2**31
"""The exclusive upper bound of seeds: some environments take no larger ones."""


class GymVectorEnv(VectorEnv[Frames, NDArray[np.int64], NDArray[Any]]):
    """A batch of B environments of one Gymnasium id, stepped one after the other or split over processes.

    Observations are `uint8 [B, H, W, 3]`, actions `int64 [B]` (see `action_names`), rewards `float64 [B]`, flags
    `bool [B]`. After an episode's end the next step ignores that environment's action and returns the first frame of
    its next episode, with reward 0 (`AutoresetMode.NEXT_STEP`). `info` holds the config's targets, each as
    in `ProbeTarget`, with their masks (`_name`, `bool [B]`: all True, but for a reset of some environments, where they
    are True for these), and nothing else. Environments that were made with a render mode, by `make_kwargs`, are
    rendered by it.

    Args:
        env_id: `[module:][namespace/]name-v0`.
        num_envs: B.
        config: how the environments are made and converted; None: the defaults.
        copy: return copies, safe to keep; if False, arrays that the next step overwrites.

    Raises:
        ValueError: there is no such environment, its package is not installed, it has no image or no discrete actions,
            or it does not take the config's arguments.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    resumes_episodes = False
    """Whether `set_state` resumes within the episodes. Gymnasium cannot save an environment, so new episodes begin."""

    episode_metrics = ()
    """Episodes have no metrics besides return and length."""

    def __init__(self, env_id: str, num_envs: int = 1, *, config: GymConfig | None = None, copy: bool = True) -> None:
        require_valid(num_envs >= 1, f"num_envs is {num_envs}; it must be at least 1")
        self.config = config or GymConfig()
        self.num_envs = num_envs
        self.copy = copy
        make = partial(make_one, find_spec(env_id), self.config)
        frame_shape = (self.config.frame_size, self.config.frame_size, 3)
        processes = min(self.config.processes, num_envs)
        self._envs: SyncVectorEnv[Any, Any] | Parts
        self._note = [0]
        if processes > 1:  # one process would step no faster, as its actor waits for it
            told = tuple(target.info_key for target in self.config.probe_targets)
            self._envs = Parts(make, num_envs, processes, frame_shape, told)
        else:
            self._envs = SyncVectorEnv(makers(make, range(num_envs), self._note), copy=False)
        self.metadata = dict(self._envs.metadata)
        self.render_mode = self._envs.render_mode
        self.action_names: tuple[str, ...] = self._envs.get_attr("action_names")[0]
        self.single_observation_space = self._envs.single_observation_space
        self.single_action_space = Discrete(len(self.action_names))
        self.observation_space = self._envs.observation_space
        self.action_space = self._envs.action_space
        self.episode_count = np.zeros(num_envs, np.int64)
        """The number of episodes that each environment has begun, `int64 [B]`; 0 before the first reset."""
        self.generators = [seeding.np_random()[0] for _ in range(num_envs)]
        """One per environment, for the seeds of the episodes with which a resumed run begins."""
        self.seconds = {"step": 0.0, "draw": 0.0}
        """Seconds spent so far by stage; rendering cannot be separated, and counts as step."""
        self._over = np.zeros(num_envs, np.bool_)
        self._everywhere = np.ones(num_envs, np.bool_)
        self._frames = np.zeros((num_envs, *frame_shape), np.uint8)
        self._info: Arrays = {}

    @property
    def probe_targets(self) -> tuple[ProbeTarget, ...]:
        """The probes' targets in `info`: those of the config."""
        return self.config.probe_targets

    @property
    def busy_with(self) -> str:
        """The environment that works now, or that is waited for."""
        return self._envs.busy_with if isinstance(self._envs, Parts) else f"environment {self._note[0]}"

    def abandon(self) -> bool:
        """Kill the process that is waited for, if there is one; the call under way then raises `WorldsLostError`."""
        return isinstance(self._envs, Parts) and self._envs.abandon()

    def measure_episodes(self) -> Arrays:
        """Return an empty dict, see `episode_metrics`."""
        return {}

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of each environment; from other processes, a copy."""
        return self.get_attr("np_random")

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seed of each environment's generator; -1 where it is unknown."""
        return self.get_attr("np_random_seed")

    def reset(self, *, seed: Seeds = None, options: dict[str, Any] | None = None) -> tuple[Frames, dict[str, Any]]:
        """Begin a new episode everywhere, or where the option `reset_mask` is True.

        Args:
            seed: environment i is reset with `seed + i`, or with `seed[i]`, modulo 2**31; where None, its own generator
                continues, as it does from each episode to the next.
            options: `reset_mask`, `bool [B]`: which environments to restart; the others stay as they are. Other keys
                are passed to the environments.

        Raises:
            ValueError: `seed` is neither a whole number from 0, nor B of these or None; or `reset_mask` is not an array
                `bool [B]`, False everywhere, or leaves some out in the first reset.
        """
        seeds = checked_seeds(seed, self.num_envs)
        mask = checked_reset_mask(options, self.num_envs, bool(self.episode_count[0]))
        for index in mask.nonzero()[0]:
            own_seed = seeds[index]
            if own_seed is not None:
                self.generators[index], _ = seeding.np_random(own_seed)
        self._begin([own_seed if own_seed is None else own_seed % _SEEDS for own_seed in seeds], options, mask)
        return self._kept(self._frames), with_masks(self._info, mask)

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Frames, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take an action (`int [B]`) everywhere; see the class for what is returned.

        Raises:
            ResetNeeded: the environment was never reset.
            ValueError: the actions are not B integers in `0 .. A - 1`.
        """
        if not self.episode_count[0]:
            raise ResetNeeded("call reset before the first step")
        chosen = checked_actions(actions, self.num_envs, len(self.action_names))
        self.episode_count += self._over
        start = time.perf_counter()
        frames, rewards, terminated, truncated, info = self._envs.step(chosen)
        self._take(frames, info, self._everywhere)
        np.logical_or(terminated, truncated, out=self._over)
        self.seconds["step"] += time.perf_counter() - start
        frames, info = self.observe()
        return frames, rewards, terminated, truncated, info

    def observe(self) -> tuple[Frames, dict[str, Any]]:
        """Return the current frames and info without a step, for instance after `set_state`."""
        return self._kept(self._frames), with_masks(self._info, self._kept(self._everywhere))

    def render(self) -> tuple[Any, ...] | None:
        """Return what each environment renders; None if they were made without a render mode."""
        return self.call("render") if self.render_mode is not None else None

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of each environment, or read an attribute, and return what each gives."""
        return self._envs.call(name, *args, **kwargs)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Return an attribute of each environment."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of each environment, to its own value of a list or tuple of B, or else to the same."""
        self._envs.set_attr(name, values)

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return the state for `set_state`: the number of episodes begun and the generators, without the episodes."""
        return {
            "episode_count": self.episode_count.copy(),
            "generators": np.stack([saved.encode(generator) for generator in self.generators]),
        }

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Begin new episodes everywhere, with seeds that depend on the state alone and are new to the run.

        `observe` returns their first frames. A state of before the first reset begins no episodes.

        Raises:
            ValueError: a key is missing or unknown, or an array has another shape or type; nothing is changed then.
        """
        saved.check(state, self.get_state())
        self.episode_count[:] = state["episode_count"]
        self.generators = [saved.decode(words) for words in state["generators"]]
        if self.episode_count[0]:
            self._begin([int(generator.integers(_SEEDS)) for generator in self.generators], None, self._everywhere)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments."""
        if hasattr(self, "_envs"):  # older versions of Gymnasium also close what could not be made
            self._envs.close(**kwargs)

    def _begin(
        self, seeds: list[int | None] | list[int], options: dict[str, Any] | None, mask: NDArray[np.bool_]
    ) -> None:
        start = time.perf_counter()
        given = dict(options or {})  # a copy, from which Gymnasium takes the mask out
        if not mask.all():
            given[RESET_MASK] = mask
        else:
            given.pop(RESET_MASK, None)
        frames, info = self._envs.reset(seed=list(seeds), options=given if options is not None else None)
        self._take(frames, info, mask)
        self._over[mask] = False
        self.episode_count += mask
        self.seconds["step"] += time.perf_counter() - start

    def _take(self, frames: Frames, info: dict[str, Any], mask: NDArray[np.bool_]) -> None:
        """Copy the frames, and keep the targets of info, whose arrays are new at every step, where the mask is True."""
        self._frames[:] = frames
        told = {target.info_key: info[target.info_key] for target in self.config.probe_targets}
        if not mask.all():
            for name, values in told.items():
                values[~mask] = self._info[name][~mask]
        self._info = told

    def _kept(self, array: NDArray[Any]) -> NDArray[Any]:
        return array.copy() if self.copy else array
