"""V-trace against its definition, summed term by term in float64, and against TorchRL's."""

import warnings
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from simcore.objectives.vtrace import vtrace

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what TorchRL imports
    functional = pytest.importorskip("torchrl.objectives.value.functional")

GAMMA = 0.9


class Case(NamedTuple):
    """Steps with episode ends inside: some terminated, some truncated."""

    log_ratios: Tensor
    rewards: Tensor
    terminated: Tensor
    values: Tensor
    valid: Tensor

    @property
    def discounts(self) -> Tensor:
        return GAMMA * (~self.terminated).to(self.rewards.dtype)


def make_case(length: int = 23, batch: int = 5, seed: int = 0) -> Case:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    ended = torch.rand(length, batch, generator=generator) < 0.2  # the step's frame is its episode's last
    terminated = ended & (torch.rand(length, batch, generator=generator) < 0.5)
    valid = torch.cat([torch.ones(1, batch, dtype=torch.bool), ~ended[:-1]])
    # A step that leads from a last frame to a first one neither ends an episode nor terminates it.
    return Case(normal(length, batch), normal(length, batch), terminated & valid, normal(length + 1, batch), valid)


def by_definition(case: Case, rho_bar: float, c_bar: float) -> Tensor:
    """v_s = V_s + sum over t >= s of (product of γ c from s to t - 1) ρ_t (r + γ V_{t+1} - V_t)."""
    length, batch = case.rewards.shape
    targets = torch.zeros(length, batch, dtype=torch.float64)
    for b in range(batch):
        for s in range(length):
            total, weight = case.values[s, b].clone(), 1.0
            for t in range(s, length):
                if not case.valid[t, b]:
                    break
                ratio = case.log_ratios[t, b].exp().item()
                following = case.discounts[t, b] * case.values[t + 1, b]
                total += weight * min(rho_bar, ratio) * (case.rewards[t, b] + following - case.values[t, b])
                weight *= case.discounts[t, b].item() * min(c_bar, ratio)
            targets[s, b] = total
    return targets


@pytest.mark.parametrize(("rho_bar", "c_bar"), [(1.0, 1.0), (2.0, 0.7), (1e9, 1e9)])
@pytest.mark.parametrize("seed", range(3))
def test_targets_and_advantages_are_those_of_the_definition(rho_bar: float, c_bar: float, seed: int) -> None:
    case = make_case(seed=seed)
    result = vtrace(case.log_ratios, case.rewards, case.discounts, case.values, case.valid, rho_bar, c_bar)
    expected = by_definition(case, rho_bar, c_bar)
    torch.testing.assert_close(result.targets, expected)
    following = torch.cat([expected[1:], case.values[-1:]])
    rho = case.log_ratios.exp().clamp(max=rho_bar) * case.valid
    advantages = rho * (case.rewards + case.discounts * following - case.values[:-1])
    torch.testing.assert_close(result.advantages, advantages)


@pytest.mark.parametrize(("rho_bar", "c_bar"), [(1.0, 1.0), (2.0, 0.7)])
def test_targets_and_advantages_are_those_of_torchrl(rho_bar: float, c_bar: float) -> None:
    """TorchRL has no rows between episodes: take them out, and tell it where episodes end."""
    case = make_case(length=40)
    result = vtrace(case.log_ratios, case.rewards, case.discounts, case.values, case.valid, rho_bar, c_bar)
    for b in range(case.rewards.shape[1]):
        rows = case.valid[:, b]
        ends = torch.cat([~case.valid[1:, b], torch.zeros(1, dtype=torch.bool)]) | case.terminated[:, b]
        advantages, targets = functional.vtrace_advantage_estimate(
            GAMMA,
            case.log_ratios[rows, b][:, None],
            torch.zeros_like(case.log_ratios[rows, b])[:, None],
            case.values[:-1][rows, b][:, None],
            case.values[1:][rows, b][:, None],
            case.rewards[rows, b][:, None],
            ends[rows][:, None],
            case.terminated[rows, b][:, None],
            torch.tensor(rho_bar, dtype=torch.float64),
            torch.tensor(c_bar, dtype=torch.float64),
        )
        torch.testing.assert_close(result.targets[rows, b], targets[:, 0])
        torch.testing.assert_close(result.advantages[rows, b], advantages[:, 0], rtol=1e-4, atol=1e-6)  # float32 in it


def test_on_policy_targets_are_n_step_returns() -> None:
    rewards = torch.tensor([[1.0], [0.0], [2.0]])
    result = vtrace(torch.zeros(3, 1), rewards, torch.full((3, 1), 0.5), torch.tensor([[7.0], [7.0], [7.0], [8.0]]))
    assert result.targets[:, 0].tolist() == [1 + 0.25 * 2 + 0.125 * 8, 0.5 * 2 + 0.25 * 8, 2 + 0.5 * 8]
    assert result.advantages[:, 0].tolist() == [2.5 - 7, 3 - 7, 6 - 7]


def test_a_terminated_episode_is_worth_its_last_reward_and_a_truncated_one_goes_on_from_its_value() -> None:
    zeros, values = torch.zeros(3, 1), torch.tensor([[3.0], [5.0], [11.0], [13.0]])
    rewards = torch.tensor([[1.0], [0.0], [0.0]])
    valid = torch.tensor([[True], [False], [True]])
    truncated = vtrace(zeros, rewards, torch.full((3, 1), 0.5), values, valid)
    assert truncated.targets[:2, 0].tolist() == [1 + 0.5 * 5, 5]
    assert truncated.advantages[1].item() == 0
    terminated = vtrace(zeros, rewards, torch.tensor([[0.0], [0.5], [0.5]]), values, valid)
    assert terminated.targets[:2, 0].tolist() == [1, 5]


def test_targets_carry_no_gradient() -> None:
    values = torch.zeros(3, 1, requires_grad=True)
    result = vtrace(torch.zeros(2, 1, requires_grad=True), torch.ones(2, 1), torch.ones(2, 1), values)
    assert not result.targets.requires_grad
    assert not result.advantages.requires_grad


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"values of T \+ 1 states"):
        vtrace(torch.zeros(3, 1), torch.zeros(3, 1), torch.zeros(3, 1), torch.zeros(3, 1))
