"""What chooses an actor's actions: the agent, the hand-made walker of Random City, or chance."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from simcore.agent import Agent
from simcore.common.tree import plain, tree_map
from simcore.memory import CoreState
from simcore.stepper import AgentStepper
from simcore.worlds import Walker


class ActorInput(NamedTuple):
    """What the worlds show now and how they came there; the rows of a trajectory, without time."""

    frames: NDArray[np.uint8]
    """`[B, H, W, 3]`."""
    actions: NDArray[np.int64]
    """The actions that led here, `[B]`; `NO_ACTION` where `is_first`."""
    rewards: NDArray[np.float32]
    """What came with the frames, `[B]`."""
    is_first: NDArray[np.bool_]
    """Where an episode begins, `[B]`."""


class ActionOutput(NamedTuple):
    """The next action of each world."""

    actions: NDArray[np.int64]
    """`[B]`."""
    log_probs: NDArray[np.float32]
    """log µ(action), `[B]`."""


class Policy(Protocol):
    """What chooses the actions, and can be stopped and continued."""

    needs_last: bool
    """Whether a trajectory shows where its last action led, as V-trace wants; the next one begins there again."""

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
        """Continue from what `state_dict` returned."""
        ...


class WalkerPolicy:
    """The walker of Random City (App. H), which looks at the world itself and needs no belief."""

    needs_last = False

    def __init__(self, walker: Walker) -> None:
        self.walker = walker

    def act(self, present: ActorInput) -> ActionOutput:
        """Walk on."""
        return ActionOutput(self.walker.act(), np.zeros(len(present.actions), np.float32))

    def core_state(self) -> None:
        """Return None: there is no belief."""
        return

    def state_dict(self) -> dict[str, Any]:
        """Return the plans."""
        return {name: torch.from_numpy(value) for name, value in self.walker.get_state().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take plans up again."""
        self.walker.set_state({name: value.cpu().numpy() for name, value in state.items()})


class RandomPolicy:
    """Draws every action alike: what anything learned is compared with.

    Args:
        num_actions: A.
        num_envs: B.
        seed: of the draws.
    """

    needs_last = True

    def __init__(self, num_actions: int, num_envs: int, seed: int) -> None:
        self._shape = (num_envs, num_actions)
        self._generator = torch.Generator().manual_seed(seed)

    def act(self, present: ActorInput) -> ActionOutput:
        """Draw."""
        count, actions = self._shape
        drawn = torch.randint(actions, (count,), generator=self._generator)
        return ActionOutput(drawn.numpy(), np.full(count, -np.log(actions), np.float32))

    def core_state(self) -> None:
        """Return None: there is no belief."""
        return

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the draws."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on drawing."""
        self._generator.set_state(state["generator"].cpu())


class AgentPolicy:
    """The agent itself: forms its belief frame by frame, and draws from its policy.

    Args:
        agent: the nets; read at each step, so whoever changes its weights changes what is done next.
        num_envs: B.
        seed: of the draws.
        greedy: take the most likely action and draw nothing.
    """

    needs_last = True

    def __init__(self, agent: Agent, num_envs: int, seed: int, greedy: bool = False) -> None:
        self.stepper = AgentStepper(agent, num_envs, seed, greedy)

    def act(self, present: ActorInput) -> ActionOutput:
        """Take in the present frames, and choose."""
        self.stepper.observe(*present)
        return ActionOutput(*self.stepper.choose())

    def core_state(self) -> CoreState:
        """Return a copy of the state that a later step does not change."""
        return self.stepper.core_state()

    def state_dict(self) -> dict[str, Any]:
        """Return the belief's state and that of the draws."""
        return {"core": plain(self.core_state()), "generator": self.stepper.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the belief up again."""
        like = self.stepper.agent.initial_state(self.stepper.num_worlds)
        core = tree_map(lambda _, leaf: leaf, like, state["core"])
        self.stepper.load(core, None, state["generator"])
