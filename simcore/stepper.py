"""A belief's step without gradient, which policies and sessions use."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simcore.agent import Agent
from simcore.common.seeding import restore
from simcore.common.tree import to_device
from simcore.data.state import CoreState
from simcore.data.times import Resets


class AgentStepper:
    """An agent with its beliefs of N worlds, which are updated frame by frame, and from which it acts.

    Args:
        agent: the nets; their weights are read at each step, so changes take effect at once.
        num_worlds: N.
        seed: of the generator.
        greedy: take the most likely action instead of sampling.
    """

    def __init__(self, agent: Agent, num_worlds: int, seed: int, greedy: bool = False) -> None:
        self.agent = agent
        self.num_worlds = num_worlds
        self.greedy = greedy
        self.device = next(agent.parameters()).device
        self.generator = torch.Generator(self.device).manual_seed(seed)
        """Samples the actions."""
        self._state: CoreState | None = None
        self.belief: Tensor | None = None
        """b_t, `[N, belief_size]`; None before the first frame."""

    @property
    def state(self) -> CoreState:
        """The belief core's state `[N, ...]`, whose memory a later step may overwrite: see `core_state`.

        Before the first frame it is the initial state of the current weights.
        """
        return self.agent.initial_state(self.num_worlds) if self._state is None else self._state

    @torch.no_grad()
    def observe(
        self,
        frames: NDArray[np.uint8],
        actions: NDArray[np.int64],
        rewards: NDArray[np.float32],
        is_first: NDArray[np.bool_],
    ) -> None:
        """Update the beliefs with the next frames.

        Args:
            frames: uint8 `[N, H, W, 3]`.
            actions: those that led to the frames, int64 `[N]`; `NO_ACTION` where `is_first`.
            rewards: those that came with the frames, scaled, float32 `[N]`; 0 where `is_first`.
            is_first: where an episode begins, bool `[N]`.
        """
        # Not in inference mode, in which a caller may be: no later step could change its tensors. Gradients come on.
        with torch.inference_mode(False), torch.no_grad():
            frame, action, reward = (
                torch.from_numpy(part).to(self.device)[None] for part in (frames, actions, rewards)
            )
            resets = Resets.of(torch.from_numpy(is_first)[None], self.device) if is_first.any() else None
            unrolled = self.agent.observe(frame, action, reward, resets, self.state)
            self._state, self.belief = unrolled.final, unrolled.outputs[0]

    @torch.no_grad()
    def choose(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Sample actions from the current beliefs, or take the most likely ones: actions and log µ(action), both `[N]`.

        Raises:
            RuntimeError: the agent has no policy.
        """
        assert self.belief is not None, "what acts has observed"
        log_policy = torch.log_softmax(self.agent.policy_and_value(self.belief).logits, dim=-1)
        if self.greedy:
            chosen = log_policy.argmax(dim=-1)
        else:
            chosen = torch.multinomial(log_policy.exp(), 1, generator=self.generator)[:, 0]
        log_probs = log_policy.gather(-1, chosen[:, None])[:, 0]
        return chosen.cpu().numpy(), log_probs.cpu().numpy()

    def core_state(self) -> CoreState:
        """Return a copy of the belief core's state `[N, ...]`, which a later step does not change."""
        return self.agent.core.portable(self.state)

    def load(self, state: CoreState, belief: Tensor | None, generator: Tensor) -> None:
        """Restore a state, the belief that came with it, and the state of the generator, in a new generator.

        A generator's state of another kind of device seeds the new one.
        """
        self._state, self.belief = to_device(state, self.device), belief
        self.generator = torch.Generator(self.device)
        restore(self.generator, generator)
