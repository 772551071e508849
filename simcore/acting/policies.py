"""The policies of actors: the agent's, the hand-made walker of Random City, and a random one."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from simcore.agent import Agent
from simcore.common.tree import plain
from simcore.memory import CoreState
from simcore.stepper import AgentStepper
from simcore.worlds import Walker


class ActorInput(NamedTuple):
    """The present step of B worlds; the rows of a trajectory, without time."""

    frames: NDArray[np.uint8]
    """`[B, H, W, 3]`."""
    actions: NDArray[np.int64]
    """The actions that led to the frames, `[B]`; `NO_ACTION` where `is_first`."""
    rewards: NDArray[np.float32]
    """The rewards that came with the frames, `[B]`."""
    is_first: NDArray[np.bool_]
    """Where an episode begins, `[B]`."""


class ActionOutput(NamedTuple):
    """The next action of each world."""

    actions: NDArray[np.int64]
    """`[B]`."""
    log_probs: NDArray[np.float32]
    """log µ(action), `[B]`."""


class Policy(Protocol):
    """The interface of a policy, whose state can be saved and restored."""

    needs_last: bool
    """Whether a trajectory ends with the frame after its last action, as V-trace needs; the next one begins with it."""

    def act(self, present: ActorInput) -> ActionOutput:
        """Choose an action for each world; called once for each step."""
        ...

    def core_state(self) -> CoreState | None:
        """Return the belief core's state before the present frame, safe to keep; None without a belief."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the continuation depends on, in tensors and tuples."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        ...


class WalkerPolicy:
    """The walker of Random City, which reads the true world and needs no belief."""

    needs_last = False

    def __init__(self, walker: Walker) -> None:
        self.walker = walker

    def act(self, present: ActorInput) -> ActionOutput:
        """Return the walker's next actions."""
        return ActionOutput(self.walker.act(), np.zeros(len(present.actions), np.float32))

    def core_state(self) -> None:
        """Return None: there is no belief."""
        return

    def state_dict(self) -> dict[str, Any]:
        """Return the walker's plans."""
        return {name: torch.from_numpy(value) for name, value in self.walker.get_state().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the walker's plans."""
        self.walker.set_state({name: value.cpu().numpy() for name, value in state.items()})


class RandomPolicy:
    """Samples actions uniformly: the baseline for trained policies.

    Args:
        num_actions: A.
        num_envs: B.
        seed: of the generator.
    """

    needs_last = True

    def __init__(self, num_actions: int, num_envs: int, seed: int) -> None:
        self._shape = (num_envs, num_actions)
        self._generator = torch.Generator().manual_seed(seed)

    def act(self, present: ActorInput) -> ActionOutput:
        """Sample an action for each world."""
        count, actions = self._shape
        sampled = torch.randint(actions, (count,), generator=self._generator)
        return ActionOutput(sampled.numpy(), np.full(count, -np.log(actions), np.float32))

    def core_state(self) -> None:
        """Return None: there is no belief."""
        return

    def state_dict(self) -> dict[str, Any]:
        """Return the generator's state."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the generator's state."""
        self._generator.set_state(state["generator"].cpu())


class AgentPolicy:
    """The agent's policy: updates its belief frame by frame, and samples actions.

    Args:
        agent: the nets; their weights are read at each step, so changes take effect at once.
        num_envs: B.
        seed: of the generator.
        greedy: take the most likely action instead of sampling.
    """

    needs_last = True

    def __init__(self, agent: Agent, num_envs: int, seed: int, greedy: bool = False) -> None:
        self.stepper = AgentStepper(agent, num_envs, seed, greedy)

    def act(self, present: ActorInput) -> ActionOutput:
        """Observe the present frames, and choose actions."""
        self.stepper.observe(*present)
        return ActionOutput(*self.stepper.choose())

    def core_state(self) -> CoreState:
        """Return a copy of the state that a later step does not change."""
        return self.stepper.core_state()

    def state_dict(self) -> dict[str, Any]:
        """Return the states of the belief core and of the generator."""
        return {"core": plain(self.core_state()), "generator": self.stepper.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the states of the belief core and of the generator."""
        self.stepper.load(self.stepper.agent.core.restored(state["core"]), None, state["generator"])
