"""The one type that passes between acting and learning. Everything in it is time-major, `[T, B, ...]`."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from simcore.memory import CoreState

NO_ACTION = -1
"""The action that led to the first frame of an episode: none. It becomes an all-zero one-hot."""


class Truth(NamedTuple):
    """What the world knows and the agent does not: the probes' targets. All of it is in the frame of the start pose."""

    maps: Tensor
    """The true top-down map, uint8 `[T, B, N, N, 3]`."""
    seen: Tensor
    """Which cells the agent has seen in this episode up to now, bool `[T, B, N, N]`."""
    cells: Tensor
    """The cell (row * N + column) in which the agent stands, int64 `[T, B]`."""
    headings: Tensor
    """The heading's bin, counted from the start's heading, int64 `[T, B]`."""


class Trajectory(NamedTuple):
    """Lu steps in each of B worlds (App. K, App. D).

    `actions[t]` is the action that LED to `frames[t]`, and `rewards[t]` came with `frames[t]`.
    """

    frames: Tensor
    """uint8 `[T, B, H, W, 3]`."""
    actions: Tensor
    """int64 `[T, B]`; `NO_ACTION` where `is_first`."""
    rewards: Tensor
    """float32 `[T, B]`; 0 where `is_first`."""
    is_first: Tensor
    """bool `[T, B]`: the frame is the first of an episode, before which the core's state is reset."""
    initial_state: CoreState
    """The belief core's state before the first step, `[B, ...]`."""
    truth: Truth


def one_hot_actions(actions: Tensor, num_actions: int) -> Tensor:
    """Turn actions `[...]` into float one-hots `[..., num_actions]`; `NO_ACTION` gives zeros."""
    one_hot = F.one_hot(actions.clamp(min=0), num_actions).to(torch.float32)
    return one_hot * (actions != NO_ACTION).unsqueeze(-1)
