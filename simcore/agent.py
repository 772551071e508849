"""The agent: a frame encoder, the belief core b_t = f(b_{t-1}, e_t, a_t, r_t), and policy and value of the belief."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from simcore.common.checks import Width, require, require_fields
from simcore.data.trajectory import Trajectory, one_hot_actions
from simcore.memory import CoreState, Memory, RecurrentCore, Resets, Times, Unrolled
from simcore.networks import PopArt, ResidualEncoder


@dataclass(frozen=True)
class AgentConfig:
    """Encoder and belief core."""

    hidden_size: Width = 512
    """N_h, LSTM units of belief and simulation core (table 2: 512 to 1024)."""
    embedding_size: Width = 256
    """Size of the frame embedding e_t."""
    encoder_channels: tuple[Width, ...] = (16, 32, 32)
    """Channels of the residual encoder's stages, each of which halves the frame."""

    def __post_init__(self) -> None:
        require_fields("agent.", self)
        require(len(self.encoder_channels) > 0, "agent.encoder_channels is empty; give one number at least")


def belief_input_size(embedding_size: int, num_actions: int) -> int:
    """Return the width of the belief core's input: e_t, a_t and r_t."""
    return embedding_size + num_actions + 1


class PolicyValue(NamedTuple):
    """Policy and value of beliefs `[..., belief_size]`."""

    logits: Tensor
    """Logits of the next action, `[..., A]`."""
    values: Tensor
    """V(b_t), the expected discounted return, `[...]`."""


class ActorCritic(nn.Module):
    """Policy and value heads, each linear in the belief.

    Args:
        belief_size: the size of b_t.
        num_actions: A, the number of discrete actions.
        popart: whether the value's scale follows that of its targets; see `PopArt`.
    """

    def __init__(self, belief_size: int, num_actions: int, popart: bool = False) -> None:
        super().__init__()
        self.policy = nn.Linear(belief_size, num_actions)
        self.value = PopArt(belief_size) if popart else nn.Linear(belief_size, 1)
        # Nearly uniform at first: a policy with a random preference explores less.
        nn.init.orthogonal_(self.policy.weight, gain=0.01)
        nn.init.zeros_(self.policy.bias)

    def forward(self, beliefs: Tensor) -> PolicyValue:
        """Return policy and value of beliefs `[..., belief_size]`."""
        return PolicyValue(self.policy(beliefs), self.value(beliefs)[..., 0])


class Agent(nn.Module):
    """Frame encoder, belief core, and optionally policy and value.

    Args:
        config: sizes of encoder and core.
        frame_size: height and width of the frames, in pixels.
        num_actions: the number of discrete actions.
        memory: the belief core's memory, made for inputs of `belief_input_size`; None: a bare LSTM.
        acts: whether it has policy and value; False if a hand-written policy acts and there is no reward.
        plain: unroll the belief core step by step; see `RecurrentCore`.
        popart: whether the value's scale follows that of its targets (see `PopArt`), and the belief core receives the
            logarithm of rewards, as large ones would saturate it.
    """

    def __init__(
        self,
        config: AgentConfig = AgentConfig(),
        *,
        frame_size: int,
        num_actions: int,
        memory: Memory | None = None,
        acts: bool = False,
        plain: bool = False,
        popart: bool = False,
    ) -> None:
        super().__init__()
        self.frame_size = frame_size
        self.num_actions = num_actions
        self.embedding_size = config.embedding_size
        self.compresses_rewards = acts and popart
        self.encoder = ResidualEncoder(frame_size, config.embedding_size, config.encoder_channels)
        core_input = belief_input_size(config.embedding_size, num_actions)
        self.core = RecurrentCore(core_input, config.hidden_size, memory, plain)
        self.heads = ActorCritic(self.core.output_size, num_actions, popart) if acts else None

    def initial_state(self, batch_size: int) -> CoreState:
        """Return the belief core's state at the start of an episode, `[batch_size, ...]`."""
        return self.core.initial_state(batch_size)

    def unroll(self, trajectory: Trajectory, snapshots_at: Sequence[int] | Times = ()) -> Unrolled:
        """Compute the beliefs b_t, `[T, B, *]`, along a trajectory, and the full states after steps `snapshots_at`."""
        state = trajectory.initial_state
        assert state is not None, "the learner gives a trajectory its initial state where the actor has none"
        return self.observe(
            trajectory.frames, trajectory.actions, trajectory.rewards, trajectory.is_first, state, snapshots_at
        )

    def observe(
        self,
        frames: Tensor,
        actions: Tensor,
        rewards: Tensor,
        is_first: Tensor | Resets | None,
        state: CoreState,
        snapshots_at: Sequence[int] | Times = (),
    ) -> Unrolled:
        """Like `unroll`, but for the parts of a trajectory, each `[T, B, ...]`, from a state `[B, ...]`."""
        return self.core(self.core_inputs(frames, actions, rewards), state, is_first, snapshots_at)

    def core_inputs(self, frames: Tensor, actions: Tensor, rewards: Tensor) -> Tensor:
        """Return the belief core's inputs, `[T, B, *]`: the frames' embeddings e_t, then a_t and r_t."""
        embeddings = self.encoder(frames)
        if self.compresses_rewards:
            rewards = rewards.sign() * rewards.abs().log1p()
        return torch.cat([embeddings, one_hot_actions(actions, self.num_actions), rewards[..., None]], dim=-1)

    def policy_and_value(self, beliefs: Tensor) -> PolicyValue:
        """Return policy and value of beliefs `[..., belief_size]`.

        Raises:
            RuntimeError: the agent has no policy and value.
        """
        if self.heads is None:
            raise RuntimeError("this agent has neither policy nor value: a hand-made policy acts")
        policy_value: PolicyValue = self.heads(beliefs)
        return policy_value
