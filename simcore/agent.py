"""The agent: a frame encoder and the belief core b_t = f(b_{t-1}, e_t, a_t, r_t)."""

from collections.abc import Sequence

import torch
from torch import nn

from simcore.learning.trajectory import Trajectory, one_hot_actions
from simcore.memory import CoreState, Memory, RecurrentCore, Unrolled
from simcore.networks import ResidualEncoder


def belief_input_size(embedding_size: int, num_actions: int) -> int:
    """Return the width of the belief core's input: e_t, a_t and r_t."""
    return embedding_size + num_actions + 1


class Agent(nn.Module):
    """Turns what was seen and done into a belief.

    Args:
        frame_size: height and width of the frames, in pixels.
        num_actions: the number of discrete actions.
        hidden_size: N_h, the LSTM's units (table 2: 512 to 1024).
        embedding_size: the size of e_t.
        encoder_channels: the channels of the encoder's stages.
        memory: the belief core's memory, made for inputs of `belief_input_size`; None: a bare LSTM.
    """

    def __init__(
        self,
        frame_size: int,
        num_actions: int,
        hidden_size: int = 512,
        embedding_size: int = 256,
        encoder_channels: tuple[int, ...] = (16, 32, 32),
        memory: Memory | None = None,
    ) -> None:
        super().__init__()
        self.num_actions = num_actions
        self.encoder = ResidualEncoder(frame_size, embedding_size, encoder_channels)
        self.core = RecurrentCore(belief_input_size(embedding_size, num_actions), hidden_size, memory)

    def initial_state(self, batch_size: int) -> CoreState:
        """Return the belief core's state at the start of an episode, `[batch_size, ...]`."""
        return self.core.initial_state(batch_size)

    def unroll(self, trajectory: Trajectory, snapshots_at: Sequence[int] = ()) -> Unrolled:
        """Form the beliefs b_t, `[T, B, *]`, along a trajectory; keep full states after the steps `snapshots_at`."""
        embeddings = self.encoder(trajectory.frames)
        actions = one_hot_actions(trajectory.actions, self.num_actions)
        inputs = torch.cat([embeddings, actions, trajectory.rewards[..., None]], dim=-1)
        return self.core(inputs, trajectory.initial_state, trajectory.is_first, snapshots_at)
