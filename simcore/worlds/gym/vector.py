"""The vector environment of a batch of Gymnasium environments, with the interface of SimCore's worlds."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Discrete
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from simcore.worlds import state as saved
from simcore.worlds.api import Arrays, ProbeTarget, checked_actions, require
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
    in `ProbeTarget`, and nothing else.

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
        require(num_envs >= 1, f"num_envs is {num_envs}; it must be at least 1")
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

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Frames, dict[str, Any]]:
        """Begin a new episode everywhere.

        Args:
            seed: environment i is reset with `seed + i`, or with `seed[i]`, modulo 2**31; where None, its own generator
                continues, as it does from each episode to the next.
            options: passed to the environments.

        Raises:
            ValueError: a sequence of seeds is not B long.
        """
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else seed
        seeds = [None] * self.num_envs if seeds is None else list(seeds)
        require(len(seeds) == self.num_envs, f"{len(seeds)} seeds for {self.num_envs} environments")
        for index, own_seed in enumerate(seeds):
            if own_seed is not None:
                self.generators[index], _ = seeding.np_random(own_seed)
        self._begin([own_seed if own_seed is None else own_seed % _SEEDS for own_seed in seeds], options)
        return self.observe()

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
        self._take(frames, info)
        np.logical_or(terminated, truncated, out=self._over)
        self.seconds["step"] += time.perf_counter() - start
        frames, info = self.observe()
        return frames, rewards, terminated, truncated, info

    def observe(self) -> tuple[Frames, dict[str, Any]]:
        """Return the current frames and info without a step, for instance after `set_state`."""
        return self._frames.copy() if self.copy else self._frames, self._info.copy()

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
            self._begin([int(generator.integers(_SEEDS)) for generator in self.generators], None)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments."""
        self._envs.close(**kwargs)

    def _begin(self, seeds: list[int | None] | list[int], options: dict[str, Any] | None) -> None:
        start = time.perf_counter()
        frames, info = self._envs.reset(seed=list(seeds), options=options)
        self._take(frames, info)
        self._over[:] = False
        self.episode_count += 1
        self.seconds["step"] += time.perf_counter() - start

    def _take(self, frames: Frames, info: dict[str, Any]) -> None:
        """Copy the frames, and keep the targets of info, whose arrays are new at every step."""
        self._frames[:] = frames
        self._info = {target.info_key: info[target.info_key] for target in self.config.probe_targets}
