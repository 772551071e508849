"""The actor-critic objective: the losses of policy and value (App. D)."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn

from simcore.agent import Agent, PolicyValue
from simcore.common.checks import NonNegative, Positive, Range, require, require_fields
from simcore.common.distributed import Ranks
from simcore.common.seeding import Generators
from simcore.data.trajectory import Trajectory
from simcore.networks import Moments, PopArt
from simcore.objectives.base import Beliefs, Objective, ObjectiveLoss, Weighted
from simcore.objectives.vtrace import vtrace


@dataclass(frozen=True)
class ReinforcementConfig:
    """Policy and value, used if the agent acts (App. D)."""

    discount: Annotated[float, Range(0.0, 1.0)] = 0.99
    """γ, per step."""
    baseline_cost: NonNegative = 0.5
    """Weight of the value's loss."""
    entropy_cost: NonNegative = 3e-3
    """c, weight of the policy's entropy (table 2: 5e-4 to 3e-2)."""
    rho_bar: Positive = 1.0
    """V-trace's ρ̄."""
    c_bar: Positive = 1.0
    """V-trace's c̄."""
    reward_scale: Positive = 1.0
    """Factor on rewards before the agent sees them or learns from them."""
    popart: bool = False
    """Learn the value in units of its targets' mean and deviation (PopArt), for returns of any or of unknown size."""

    def __post_init__(self) -> None:
        require_fields("reinforcement.", self)
        require(
            self.c_bar <= self.rho_bar,
            f"reinforcement.c_bar is {self.c_bar}; it must not be above rho_bar, {self.rho_bar}",
        )


class ActorCriticLoss(NamedTuple):
    """The loss of policy and value, and its parts; scalars, means over the actions taken, 0 if there is none."""

    loss: Tensor
    """The loss that is minimised: policy loss + baseline cost * value loss - entropy cost * entropy."""
    policy_loss: Tensor
    """-advantage * log π(a_t | b_t)."""
    value_loss: Tensor
    """(v_t - V(b_t))² / 2."""
    entropy: Tensor
    """The policy's entropy, in nats."""
    weight: Tensor
    """The fraction of the steps, over all processes, at which an action was taken, and which therefore count."""
    moments: Moments | None
    """Those of the value's targets, with this batch; policy and value loss are in units of their scale. None without
    PopArt."""


def actor_critic_loss(
    policy_value: PolicyValue,
    trajectory: Trajectory,
    config: ReinforcementConfig,
    ranks: Ranks,
    popart: PopArt | None = None,
) -> ActorCriticLoss:
    """Compute the actor-critic loss of policy and value `[T, B, ...]` along a trajectory, with V-trace targets.

    The action that led to `frames[t + 1]` was chosen at b_t; the last belief only bootstraps the return. Where
    `frames[t + 1]` begins an episode no action was taken. A truncated episode bootstraps from V of its last frame, so
    that a time limit, which the agent cannot see, does not count as an end.

    With PopArt, advantages and the value's errors are divided by the scale of the targets; the targets themselves are
    not (Hessel et al., 2018).
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
    total = ranks.mean(weights.sum())
    divisor = total.clamp(min=1 / ranks.size)

    def mean(terms: Tensor) -> Tensor:
        return (weights * terms).sum() / divisor

    moments = None if popart is None else popart.moments_with(corrected.targets, weights, ranks)
    unit = 1.0 if moments is None else moments.scale
    policy_loss = mean(-corrected.advantages / unit * chosen)
    value_loss = mean(((corrected.targets - policy_value.values[:-1]) / unit).square()) / 2
    entropy = mean(-(log_policy.exp() * log_policy).sum(dim=-1))
    loss = policy_loss + config.baseline_cost * value_loss - config.entropy_cost * entropy
    return ActorCriticLoss(loss, policy_loss, value_loss, entropy, total / weights.numel(), moments)


class ActorCriticObjective(Objective):
    """Train policy and value from reward, and the belief through them.

    Args:
        agent: the agent, which has policy and value.
        config: discount, V-trace's bounds, and the weights of the loss's parts.
        trains_belief: whether the loss has a gradient to the belief.
    """

    name = "acting"
    reads_outputs_alone = True

    def __init__(self, agent: Agent, config: ReinforcementConfig, trains_belief: bool = True) -> None:
        super().__init__()
        self.agent = agent
        self.config = config
        self.trains_belief = trains_belief
        self._moments: Moments | None = None

    def own_parameters(self) -> list[nn.Parameter]:
        """Return an empty list: policy and value belong to the agent and are trained with it."""
        return []

    def loss(self, beliefs: Beliefs, trajectory: Trajectory, generators: Generators) -> ObjectiveLoss:
        """Compute the loss of policy and value; metrics: its parts, and with PopArt the targets' mean and σ²."""
        outputs = beliefs.outputs if self.trains_belief else beliefs.outputs.detach()
        policy_value = self.agent.policy_and_value(outputs)
        terms = actor_critic_loss(policy_value, trajectory, self.config, self.ranks, self._popart)
        means = terms._asdict()
        weight, moments = means.pop("weight"), means.pop("moments")
        metrics: dict[str, Tensor | Weighted] = {name: Weighted(mean, weight) for name, mean in means.items()}
        if moments is not None:
            metrics |= {"target_mean": moments.mean, "target_variance": moments.scale.square()}
        self._moments = moments
        return ObjectiveLoss(terms.loss, metrics)

    def after_step(self, beliefs: Beliefs, metrics: dict[str, Tensor], failed: Tensor) -> None:
        """Let PopArt's scale follow the targets."""
        if self._popart is not None and self._moments is not None:
            self._popart.rescale_to(self._moments, failed)
            self._moments = None

    @property
    def _popart(self) -> PopArt | None:
        value = self.agent.heads.value if self.agent.heads is not None else None
        return value if isinstance(value, PopArt) else None
