"""The losses of policy and value (App. D)."""

from typing import NamedTuple

import torch
from torch import Tensor

from simcore.agent import PolicyValue
from simcore.common.distributed import Ranks
from simcore.config.run import ReinforcementConfig
from simcore.data.trajectory import Trajectory
from simcore.objectives.vtrace import vtrace


class ActorCriticLoss(NamedTuple):
    """The loss of policy and value, and its parts; each a scalar, a mean over the actions that were taken."""

    loss: Tensor
    """What is minimised: policy loss + baseline cost * value loss - entropy cost * entropy."""
    policy_loss: Tensor
    """-advantage * log π(a_t | b_t)."""
    value_loss: Tensor
    """(v_t - V(b_t))² / 2."""
    entropy: Tensor
    """Of the policy, in nats."""


def acting_loss(
    policy_value: PolicyValue, trajectory: Trajectory, config: ReinforcementConfig, ranks: Ranks
) -> ActorCriticLoss:
    """Compare what the agent thinks now, `[T, B, ...]`, with what it did and got along a trajectory.

    The action that led to `frames[t + 1]` was chosen at b_t; the last belief only tells what is still to come. Where
    `frames[t + 1]` begins an episode no action was taken, and an episode that was truncated goes on from V of its last
    frame, so that a time limit the agent cannot see does not look like an end.
    """
    log_policy = torch.log_softmax(policy_value.logits[:-1], dim=-1)
    taken = trajectory.actions[1:].clamp(min=0)
    chosen = log_policy.gather(-1, taken[..., None])[..., 0]
    valid = ~trajectory.is_first[1:]
    corrected = vtrace(
        chosen.detach() - trajectory.log_probs[1:],
        trajectory.rewards[1:],
        config.discount * (~trajectory.terminated[1:]).to(torch.float32),
        policy_value.values.detach(),
        valid,
        config.rho_bar,
        config.c_bar,
    )
    weights = valid.to(torch.float32)
    total = ranks.mean(weights.sum()).clamp(min=1.0)

    def mean(terms: Tensor) -> Tensor:
        return (weights * terms).sum() / total

    policy_loss = mean(-corrected.advantages * chosen)
    value_loss = mean((corrected.targets - policy_value.values[:-1]).square()) / 2
    entropy = mean(-(log_policy.exp() * log_policy).sum(dim=-1))
    loss = policy_loss + config.baseline_cost * value_loss - config.entropy_cost * entropy
    return ActorCriticLoss(loss, policy_loss, value_loss, entropy)
