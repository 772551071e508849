"""The actor: steps a batch of worlds with a policy and returns trajectories."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simcore.acting.policies import ActionOutput, ActorInput, Policy
from simcore.common.tree import require_alike
from simcore.common.watchdog import PATIENCE, Watch
from simcore.data.collected import Collected, Episode
from simcore.data.trajectory import NO_ACTION, Trajectory
from simcore.worlds.api import LARGEST_REWARD, SINCE_SEEN, RewardError, Worlds

Arrays = dict[str, NDArray[Any]]
Empty = Callable[[tuple[int, ...], np.dtype[Any]], NDArray[Any]]


class Actor:
    """Steps B worlds with a policy; worlds and beliefs continue from one trajectory to the next.

    Args:
        worlds: the worlds, in Gymnasium's next-step autoreset mode: the step after an episode's end ignores the
            action and returns the next episode's first frame. What they return may be overwritten by their next step.
        policy: chooses the actions.
        seed: seeds the worlds: world i gets seed + i.
        number: the actor's number, by which the `Ledger` tells actors apart.
        reward_scale: the factor of rewards in trajectories.
        measures: add `since_seen` to the targets, for measurements.
        options: the options of the worlds' first reset. Episodes that it begins with some time `elapsed` are not whole,
            and are not among those that trajectories are returned with.
        patience: seconds after which unanswering worlds are reported; after `GIVE_UP` times as long the
            actor counts as hung, unless it is at its start, which may take any time.

    Raises:
        RewardError: in `collect`, if a reward is not finite, or too large for float32 once it is scaled.
    """

    def __init__(
        self,
        worlds: Worlds,
        policy: Policy,
        seed: int,
        number: int = 0,
        reward_scale: float = 1.0,
        measures: bool = False,
        options: dict[str, Any] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.worlds = worlds
        self.policy = policy
        self.number = number
        self.reward_scale = reward_scale
        self.measures = measures
        self.hung: str | None = None
        """What has not answered, once the actor counts as hung."""
        self.on_hang: Callable[[str], None] | None = None
        """Called with `hung`, in the watchdog's thread."""
        self._keys = {target.name: target.info_key for target in worlds.probe_targets}
        self._made = 0
        self._watch = Watch(lambda: f"{worlds.busy_with} of actor {number} has not answered", patience, self._give_up)
        with self._watch:
            frames, info = worlds.reset(seed=seed, options=options)
        self._show(frames, info)
        self._begin()
        if options is not None and "elapsed" in options:
            self._is_whole = np.asarray(options["elapsed"]) == 0

    def _begin(self) -> None:
        """Take the worlds' current frames as the first of their episodes."""
        batch = self.worlds.num_envs
        self._actions = np.full(batch, NO_ACTION, np.int64)
        self._log_probs = np.zeros(batch, np.float32)
        self._rewards = np.zeros(batch, np.float32)
        self._is_first = np.ones(batch, np.bool_)
        self._terminated = np.zeros(batch, np.bool_)
        self._ended = np.zeros(batch, np.bool_)
        self._returns = np.zeros(batch)
        self._lengths = np.zeros(batch, np.int64)
        self._is_whole = np.ones(batch, np.bool_)

    def _show(self, frames: NDArray[np.uint8], info: dict[str, Any]) -> None:
        """Keep the worlds' current frames and targets."""
        self._frames = frames
        self._targets: Arrays = {name: info[key] for name, key in self._keys.items()}
        if self.measures and SINCE_SEEN in info:
            self._targets[SINCE_SEEN] = info[SINCE_SEEN]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of actions taken in each current episode, `[B]`."""
        return self._lengths

    def collect(self, length: int, version: int = 0, empty: Empty = np.empty) -> Collected:
        """Take the next `length` steps in every world.

        If the policy needs the frame after the last action, the trajectory has `length + 1` rows, the last of which is
        also the first of the next.

        Args:
            length: Lu, the number of steps.
            version: the number of updates of the policy's weights.
            empty: allocates the trajectory's arrays, given shape and dtype.

        Returns:
            The trajectory, `[T, B, ...]`, with the whole episodes that ended, and the seconds spent by stage.
        """
        core_state = self.policy.core_state()
        rows = length + 1 if self.policy.needs_last else length
        columns, targets = (
            {name: empty((rows, *value.shape), value.dtype) for name, value in row.items()}
            for row in (self._row(), self._targets)
        )
        episodes: list[Episode] = []
        before, seconds = dict(self.worlds.seconds), 0.0
        for t in range(rows):
            for recorded, row in ((columns, self._row()), (targets, self._targets)):
                for name, value in row.items():
                    recorded[name][t] = value
            if t < length:
                begin = time.perf_counter()
                choice = self.policy.act(ActorInput(self._frames, self._actions, self._rewards, self._is_first))
                seconds += time.perf_counter() - begin
                episodes += self._step(choice)
        trajectory = Trajectory(
            **{name: torch.from_numpy(column) for name, column in columns.items()},
            initial_state=core_state,
            targets={name: torch.from_numpy(column) for name, column in targets.items()},
        )
        stages = {"act": seconds} | {name: spent - before[name] for name, spent in self.worlds.seconds.items()}
        self._made += 1
        return Collected(trajectory, self.number, self._made - 1, version, tuple(episodes), stages)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next trajectories depend on, as tensors, tuples and numbers."""
        current = self._row() | {"ended": self._ended, "returns": self._returns, "lengths": self._lengths}
        current["is_whole"] = self._is_whole
        return {
            "made": self._made,
            "present": {name: torch.from_numpy(value.copy()) for name, value in current.items()},
            "targets": {name: torch.from_numpy(value.copy()) for name, value in self._targets.items()},
            "worlds": {name: torch.from_numpy(value) for name, value in self.worlds.get_state().items()},
            "policy": self.policy.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, also of an older version.

        Raises:
            ValueError: it is of other worlds or another policy.
        """
        state, own = upgrade_actor_state(state), self.state_dict()
        if SINCE_SEEN not in own["targets"]:
            state["targets"].pop(SINCE_SEEN, None)  # it was measured in an older version
        for part in ("made", "present", "targets"):
            require_alike(own[part], state[part], part)
        self.worlds.set_state({name: value.cpu().numpy() for name, value in state["worlds"].items()})
        self.policy.load_state_dict(state["policy"])
        self._made = state["made"]
        if not self.worlds.resumes_episodes:
            self._show(*self.worlds.observe())
            self._begin()
            return
        present, self._targets = (
            {name: value.cpu().numpy() for name, value in state[part].items()} for part in ("present", "targets")
        )
        self._frames, self._actions = present["frames"], present["actions"]
        self._rewards, self._log_probs = present["rewards"], present["log_probs"]
        self._is_first, self._terminated, self._ended = present["is_first"], present["terminated"], present["ended"]
        self._returns, self._lengths, self._is_whole = present["returns"], present["lengths"], present["is_whole"]

    def _row(self) -> Arrays:
        """Return the columns of the worlds' current step, `[B, ...]` each."""
        return {
            "frames": self._frames,
            "actions": self._actions,
            "rewards": self._rewards,
            "is_first": self._is_first,
            "terminated": self._terminated,
            "log_probs": self._log_probs,
        }

    def _step(self, choice: ActionOutput) -> list[Episode]:
        """Take the chosen actions, and return the episodes that end by them."""
        with self._watch:
            frames, given, terminated, truncated, info = self.worlds.step(choice.actions)
        rewards = np.asarray(given, np.float64)
        scaled = self.reward_scale * rewards
        if not np.abs(scaled).max() <= LARGEST_REWARD:  # true of NaN, too
            scaled = self._checked(rewards, scaled)
        self._show(frames, info)
        # In next-step autoreset, the worlds whose episodes ended one step ago now return the first frame of the next.
        begins = self._ended
        self._ended = terminated | truncated
        self._is_first, self._terminated = begins, terminated
        self._actions = np.asarray(choice.actions)
        self._log_probs = np.asarray(choice.log_probs, np.float32)
        self._rewards = scaled.astype(np.float32)
        self._returns = self._returns + rewards
        self._lengths = self._lengths + 1
        if begins.any():  # rare, and with arrays this small each call costs time
            self._actions = np.where(begins, NO_ACTION, self._actions)
            self._log_probs = np.where(begins, np.float32(0), self._log_probs)
            self._rewards = np.where(begins, np.float32(0), self._rewards)
            self._returns = np.where(begins, 0.0, self._returns)
            self._lengths = np.where(begins, 0, self._lengths)
            self._is_whole = self._is_whole | begins
        return self._ends() if self._ended.any() else []

    def _give_up(self, what: str) -> None:
        """Give up worlds that do not answer; the watchdog calls it."""
        if self._made == 0 or self.worlds.abandon():
            return
        self.hung = what
        if self.on_hang is not None:
            self.on_hang(what)

    def _checked(self, rewards: NDArray[np.float64], scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return scaled rewards, 0 at an episode's first frame, where none counts.

        Raises:
            RewardError: another one is not finite, or too large for float32.
        """
        scaled = np.where(self._ended, 0.0, scaled)
        for b in np.flatnonzero(~(np.abs(scaled) <= LARGEST_REWARD)):
            wrong = f"world {b} gave the reward {rewards[b]:g} at step {self._lengths[b] + 1} of its episode"
            if np.isfinite(rewards[b]):
                scale = f"reinforcement.reward_scale, {self.reward_scale:g}"
                raise RewardError(f"{wrong}; times {scale}, it must be below {LARGEST_REWARD:.2g}")
            raise RewardError(f"{wrong}; it must be a finite number")
        return scaled

    def _ends(self) -> list[Episode]:
        """Return the whole episodes that have just ended."""
        measured = self.worlds.measure_episodes()
        return [
            Episode(
                float(self._returns[b]),
                int(self._lengths[b]),
                {name: float(values[b]) for name, values in measured.items()},
                int(b),
                bool(self._terminated[b]),
            )
            for b in np.flatnonzero(self._ended & self._is_whole)
        ]


def upgrade_actor_state(state: dict[str, Any]) -> dict[str, Any]:
    """Convert an actor's state of an older version: one that counted food itself, or recorded only whole episodes."""
    present = dict(state["present"])
    present.setdefault("is_whole", torch.ones_like(present["ended"]))
    if "targets" in state:
        return state | {"present": present, "targets": dict(state["targets"])}
    food = present.pop("food")
    targets = {name: present.pop(name) for name in ("map", "cell", "heading", SINCE_SEEN) if name in present}
    worlds = state["worlds"] | ({"food": food} if targets else {})
    return state | {"present": present, "targets": targets, "worlds": worlds}
