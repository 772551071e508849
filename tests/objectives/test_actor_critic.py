"""The losses of policy and value: what they pull towards, and what counts in them."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from simcore.agent import PolicyValue
from simcore.common.distributed import Ranks
from simcore.data.trajectory import NO_ACTION, Trajectory
from simcore.objectives.actor_critic import ActorCriticLoss, ReinforcementConfig, actor_critic_loss

CONFIG = ReinforcementConfig(discount=0.5, baseline_cost=0.5, entropy_cost=0.1)


def make_trajectory(
    actions: list[int], rewards: list[float], terminated: tuple[int, ...] = (), log_probs: float = 0.0
) -> Trajectory:
    """One world; an action of -1 begins an episode."""
    chosen = torch.tensor(actions)[:, None]
    ends = torch.zeros(len(actions), 1, dtype=torch.bool)
    ends[list(terminated)] = True
    is_first = chosen == NO_ACTION
    frames = torch.zeros(len(actions), 1, 4, 4, 3, dtype=torch.uint8)
    behaviour = torch.full((len(actions), 1), log_probs) * ~is_first
    return Trajectory(frames, chosen, torch.tensor(rewards)[:, None], is_first, ends, behaviour, None, {})


def loss_of(
    logits: Tensor, values: Tensor, trajectory: Trajectory, config: ReinforcementConfig = CONFIG
) -> ActorCriticLoss:
    return actor_critic_loss(PolicyValue(logits, values), trajectory, config, Ranks())


def test_the_terms_of_two_steps_by_hand() -> None:
    """On policy with two equally likely actions: log π = -ln 2 everywhere."""
    ln2 = torch.log(torch.tensor(2.0)).item()
    trajectory = make_trajectory([-1, 0, 1], [0, 1, 3], log_probs=-ln2)
    acting = loss_of(torch.zeros(3, 1, 2), torch.tensor([[1.0], [2.0], [4.0]]), trajectory)
    second = 3 + 0.5 * 4
    first = 1 + 0.5 * second
    assert acting.policy_loss.item() == pytest.approx(ln2 * ((first - 1) + (second - 2)) / 2)
    assert acting.value_loss.item() == pytest.approx(((first - 1) ** 2 + (second - 2) ** 2) / 4)
    assert acting.entropy.item() == pytest.approx(ln2)
    expected = acting.policy_loss + 0.5 * acting.value_loss - 0.1 * acting.entropy
    assert acting.loss.item() == pytest.approx(expected.item())


def test_what_paid_becomes_likelier_and_the_value_follows() -> None:
    logits = torch.zeros(2, 1, 3, requires_grad=True)
    values = torch.zeros(2, 1, requires_grad=True)
    trajectory = make_trajectory([-1, 2], [0, 1], terminated=(1,), log_probs=-1.0)
    torch.autograd.backward(loss_of(logits, values, trajectory).loss)
    assert logits.grad is not None
    assert values.grad is not None
    assert logits.grad[0, 0].argmin() == 2
    assert logits.grad[0, 0, 2] < 0
    assert values.grad[0, 0] < 0
    assert values.grad[1, 0] == 0, "a state that is only gone on from is not trained"


def test_between_episodes_nothing_counts() -> None:
    """The step from a last frame to a first one changes neither losses nor gradients, whatever stands there."""
    trajectory = make_trajectory([0, 1, -1, 1], [0, 1, 0, 2], log_probs=-0.7)
    results = []
    for odd in (0.0, 9.0):
        logits = torch.zeros(4, 1, 2)
        logits[1, 0, 0] = odd  # the policy at the last frame, where no action was taken
        logits.requires_grad_()
        acting = loss_of(logits, torch.tensor([[1.0], [2.0], [3.0], [4.0]]), trajectory)
        torch.autograd.backward(acting.loss)
        assert logits.grad is not None
        assert not logits.grad[1].any()
        results.append(acting)
    assert results[0] == results[1]


@pytest.mark.parametrize(("terminated", "second"), [((2,), 3.0), ((), 3.0 + 0.5 * 4.0)])
def test_the_frame_that_an_episode_ends_with_by_itself_is_worth_nothing(
    terminated: tuple[int, ...], second: float
) -> None:
    """And that at which a time limit stops it is worth what the value says, in the step that led there alone."""
    ln2 = torch.tensor(2.0).log().item()
    trajectory = make_trajectory([-1, 0, 1, -1, 0], [0, 1, 3, 0, 1], terminated, log_probs=-ln2)
    values = torch.tensor([[1.0], [2.0], [4.0], [8.0], [16.0]])
    first, third = 1 + 0.5 * second, 1 + 0.5 * 16.0
    acting = loss_of(torch.zeros(5, 1, 2), values, trajectory)
    errors = [first - 1, second - 2, third - 8]
    assert acting.value_loss.item() == pytest.approx(sum(error**2 for error in errors) / 3 / 2)
    assert acting.policy_loss.item() == pytest.approx(ln2 * sum(errors) / 3)


def test_entropy_alone_makes_the_policy_even() -> None:
    logits = torch.tensor([[[2.0, 0.0]], [[0.0, 0.0]]], requires_grad=True)
    trajectory = make_trajectory([-1, 1], [0, 0])
    torch.autograd.backward(loss_of(logits, torch.zeros(2, 1), trajectory).loss)
    assert logits.grad is not None
    assert logits.grad[0, 0, 0] > 0 > logits.grad[0, 0, 1]


def test_an_older_policys_rarer_action_counts_no_more_than_rho_bar() -> None:
    logits = torch.zeros(2, 1, 2)
    one, much_rarer = (
        loss_of(logits, torch.zeros(2, 1), make_trajectory([-1, 1], [0, 1], log_probs=log_probs))
        for log_probs in (torch.tensor(0.5).log().item(), -5.0)
    )
    assert one.policy_loss == pytest.approx(much_rarer.policy_loss)


def test_rho_bar_bounds_a_step_and_c_bar_what_reaches_back_from_later_ones() -> None:
    """All actions are four times as likely as they were: ρ = 2 and c = 1."""
    ln2 = torch.tensor(2.0).log().item()
    trajectory = make_trajectory([-1, 0, 1], [0, 1, 3], log_probs=-3 * ln2)
    config = replace(CONFIG, rho_bar=2.0, c_bar=1.0)
    acting = loss_of(torch.zeros(3, 1, 2), torch.zeros(3, 1), trajectory, config)
    second = 2 * 3
    first = 2 * 1 + 0.5 * 1 * second
    assert acting.value_loss.item() == pytest.approx((first**2 + second**2) / 4)
    assert acting.policy_loss.item() == pytest.approx(ln2 * (2 * (1 + 0.5 * second) + 2 * 3) / 2)
