"""An actor steps a batch of worlds with a policy and returns trajectories."""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from simcore.learning.trajectory import NO_ACTION, Trajectory, Truth
from simcore.memory import CoreState
from simcore.worlds import WorldVectorEnv

State = dict[str, NDArray[Any]]


class Policy(Protocol):
    """What chooses the actions, and can be stopped and continued."""

    def act(self) -> NDArray[np.int64]:
        """Choose an action for each world, int64 `[B]`."""
        ...

    def get_state(self) -> State:
        """Return everything that the continuation depends on."""
        ...

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned."""
        ...


class Actor:
    """Steps B worlds side by side; they continue from one trajectory to the next.

    Args:
        worlds: the worlds, in Gymnasium's next-step autoreset mode: the step after an episode's end ignores the
            action and returns the next episode's first frame.
        policy: chooses the actions.
        seed: seeds the worlds: world i gets seed + i.
    """

    def __init__(self, worlds: WorldVectorEnv, policy: Policy, seed: int) -> None:
        self.worlds = worlds
        self.policy = policy
        batch = worlds.num_envs
        self._frames, self._info = worlds.reset(seed=seed)
        self._actions = np.full(batch, NO_ACTION, np.int64)
        self._rewards = np.zeros(batch, np.float32)
        self._is_first = np.ones(batch, np.bool_)
        self._ended = np.zeros(batch, np.bool_)

    def collect(self, length: int, core_state: CoreState) -> Trajectory:
        """Return the next `length` steps of every world.

        Args:
            length: T, the steps.
            core_state: the belief core's state before the first of them, `[B, ...]`; it travels along.
        """
        columns: dict[str, list[NDArray[Any]]] = {}
        for _ in range(length):
            for name, value in self._present().items():
                columns.setdefault(name, []).append(value)
            self._step()
        data = {name: torch.from_numpy(np.stack(values)) for name, values in columns.items()}
        truth = Truth(data["map"], data["seen"], data["cell"], data["heading"])
        return Trajectory(data["frames"], data["actions"], data["rewards"], data["is_first"], core_state, truth)

    def get_state(self) -> State:
        """Return everything that the next trajectories depend on."""
        return (
            {"ended": self._ended.copy()}
            | {f"present/{name}": value.copy() for name, value in self._present().items()}
            | {f"worlds/{name}": value for name, value in self.worlds.get_state().items()}
            | {f"policy/{name}": value for name, value in self.policy.get_state().items()}
        )

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned."""
        part = {
            prefix: {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            for prefix in ("present/", "worlds/", "policy/")
        }
        self.worlds.set_state(part["worlds/"])
        self.policy.set_state(part["policy/"])
        self._ended = state["ended"]
        present = part["present/"]
        self._frames, self._actions = present["frames"], present["actions"]
        self._rewards, self._is_first = present["rewards"], present["is_first"]
        self._info = {"map": present["map"], "seen": present["seen"]}
        self._info |= {"cell": present["cell"], "heading_index": present["heading"]}

    def _present(self) -> State:
        """Return what is recorded of the step the worlds are at."""
        return {
            "frames": self._frames,
            "actions": self._actions,
            "rewards": self._rewards,
            "is_first": self._is_first,
            "map": self._info["map"],
            "seen": self._info["seen"],
            "cell": self._info["cell"].astype(np.int64),
            "heading": self._info["heading_index"].astype(np.int64),
        }

    def _step(self) -> None:
        actions = self.policy.act()
        self._frames, rewards, terminated, truncated, self._info = self.worlds.step(actions)
        # In next-step autoreset an episode that has ended is followed by the first frame of another. What the batch
        # returned one step ago tells which.
        begins = self._ended
        self._ended = terminated | truncated
        self._is_first = begins
        self._actions = np.where(begins, NO_ACTION, actions)
        self._rewards = np.where(begins, 0.0, rewards).astype(np.float32)
