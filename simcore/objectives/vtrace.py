"""V-trace: off-policy corrected value targets from the trajectories of an older policy (Espeholt et al., 2018).

Suffixes: `_t` is the state that is evaluated, `_tp1` the one to which its action led.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class VTrace(NamedTuple):
    """V-trace's targets of T steps in each of B worlds; without gradient."""

    targets: Tensor
    """v_t, the target of V(b_t), `[T, B]`."""
    advantages: Tensor
    """ρ_t (r_{t+1} + γ_{t+1} v_{t+1} - V(b_t)), the weight of ∇ log π(a_t | b_t), `[T, B]`."""


@torch.no_grad()
def vtrace(
    log_ratios_t: Tensor,
    rewards_tp1: Tensor,
    discounts_tp1: Tensor,
    values: Tensor,
    valid_t: Tensor | None = None,
    rho_bar: float = 1.0,
    c_bar: float = 1.0,
) -> VTrace:
    """Compute the V-trace targets (IMPALA, section 4.1) by their recursion (remark 1).

        v_t = V_t + δ_t + γ_{t+1} c_t (v_{t+1} - V_{t+1}),   δ_t = ρ_t (r_{t+1} + γ_{t+1} V_{t+1} - V_t)

    with ρ_t = min(ρ̄, ratio_t) and c_t = min(c̄, ratio_t).

    Args:
        log_ratios_t: log π(a_t | b_t) - log µ(a_t | b_t), of the learner's and the actor's policy, `[T, B]`.
        rewards_tp1: `[T, B]`.
        discounts_tp1: γ, or 0 where the episode terminated with that reward, `[T, B]`.
        values: V of all states, the last one only to bootstrap from, `[T + 1, B]`.
        valid_t: bool `[T, B]`; False where the step leads from an episode's last frame to the next one's first, so
            that no action was taken: there v_t = V_t and the advantage is 0. An episode that was truncated, not
            terminated, thus bootstraps from V of its last frame. None: all are valid.
        rho_bar: ρ̄, which determines the fixed point, V of a policy between the actor's and the learner's.
        c_bar: c̄ <= ρ̄, which bounds the variance.

    Raises:
        ValueError: the shapes do not fit, or c̄ is not in (0, ρ̄].
    """
    shape, masks = log_ratios_t.shape, () if valid_t is None else (valid_t,)
    if values.shape != (shape[0] + 1, *shape[1:]) or any(
        part.shape != shape for part in (rewards_tp1, discounts_tp1, *masks)
    ):
        raise ValueError(
            f"V-trace over [T, B] needs values of T + 1 states, not {tuple(log_ratios_t.shape)}, "
            f"{tuple(rewards_tp1.shape)}, {tuple(discounts_tp1.shape)} and {tuple(values.shape)}"
            + "".join(f", valid where {tuple(mask.shape)}" for mask in masks)
        )
    if not 0.0 < c_bar <= rho_bar:
        raise ValueError(f"c_bar is {c_bar} and rho_bar {rho_bar}; they must be positive, and c_bar not the larger")
    ratios = log_ratios_t.exp()
    if valid_t is not None:
        ratios = ratios.where(valid_t, 0.0)  # not by a product: the ratio of a step that nobody took may be infinite
    rho, c = ratios.clamp(max=rho_bar), ratios.clamp(max=c_bar)
    values_t, values_tp1 = values[:-1], values[1:]
    deltas = rho * (rewards_tp1 + discounts_tp1 * values_tp1 - values_t)
    decay = discounts_tp1 * c

    corrections = torch.empty_like(deltas)  # v_t - V_t
    later = torch.zeros_like(deltas[0])
    for t in reversed(range(len(deltas))):
        later = torch.addcmul(deltas[t], decay[t], later, out=corrections[t])
    targets = values_t + corrections
    targets_tp1 = torch.cat([targets[1:], values[-1:]])
    return VTrace(targets, rho * (rewards_tp1 + discounts_tp1 * targets_tp1 - values_t))
