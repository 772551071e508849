"""The trajectory, which passes from acting to learning; all tensors are time-major, `[T, B, ...]`."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from simcore.common.tree import tree_map
from simcore.data.state import CoreState
from simcore.data.targets import TargetValues

NO_ACTION = -1
"""Stands for the action before the first frame of an episode; its one-hot is all zero."""


class Trajectory(NamedTuple):
    """T rows of B worlds (App. D, App. K): Lu, or Lu + 1 where the agent acts, the last of which begins the next.

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
    terminated: Tensor
    """bool `[T, B]`: the episode ended with this frame, and not by a time limit."""
    log_probs: Tensor
    """float32 `[T, B]`: log µ(actions[t]) of the acting policy; 0 where `is_first`, or if that policy is fixed."""
    initial_state: CoreState | None
    """The belief core's state before the first step, `[B, ...]`; None if the actor has no belief, until the learner
    sets its own."""
    targets: TargetValues
    """The probes' targets by name; empty if the world has none."""


def one_hot_actions(actions: Tensor, num_actions: int) -> Tensor:
    """Turn actions `[...]` into float one-hots `[..., num_actions]`; `NO_ACTION` gives zeros."""
    one_hot = F.one_hot(actions.clamp(min=0), num_actions).to(torch.float32)
    return one_hot * (actions != NO_ACTION).unsqueeze(-1)


def join_trajectories(
    trajectories: Sequence[Trajectory], join_states: Callable[[Sequence[CoreState]], CoreState]
) -> Trajectory:
    """Concatenate trajectories of equal length along the batch, and their states by `join_states`, a core's `join`.

    Raises:
        ValueError: some trajectories have an initial state and some have none.
    """
    if len(trajectories) == 1:
        return trajectories[0]
    states = [trajectory.initial_state for trajectory in trajectories]
    present = [state for state in states if state is not None]
    if len(present) not in (0, len(states)):
        raise ValueError("either all trajectories have an initial state, or none")
    rest = [trajectory._replace(initial_state=None) for trajectory in trajectories]
    joined = tree_map(lambda *parts: torch.cat(parts, dim=1), *rest)
    return joined._replace(initial_state=join_states(present) if present else None)
