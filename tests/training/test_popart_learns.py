"""PopArt in training: losses in units of the returns' scale, resumed bit for bit."""

import pytest
import torch

from simcore.agent import PolicyValue
from simcore.common.distributed import Ranks
from simcore.data.trajectory import NO_ACTION, Trajectory
from simcore.networks import PopArt
from simcore.objectives.actor_critic import ReinforcementConfig, actor_critic_loss
from simcore.objectives.vtrace import vtrace
from simcore.training.training import Training
from tinier import tinier_acting

CPU = torch.device("cpu")


def make_training(**changes: object) -> Training:
    return Training(tinier_acting(reinforcement__popart=True, **changes), CPU)


def test_losses_are_in_units_of_the_scale_and_targets_are_not() -> None:
    torch.manual_seed(0)
    actions = torch.randint(0, 2, (6, 3))
    actions[3, 1] = NO_ACTION
    rewards = 1e4 * torch.rand(6, 3)
    nothing = torch.zeros(6, 3, dtype=torch.bool)
    frames = torch.zeros(6, 3, 4, 4, 3, dtype=torch.uint8)
    trajectory = Trajectory(frames, actions, rewards, actions == NO_ACTION, nothing, torch.full((6, 3), -0.7), None, {})
    policy_value, config = PolicyValue(torch.randn(6, 3, 2), 1e4 * torch.randn(6, 3)), ReinforcementConfig()
    plain = actor_critic_loss(policy_value, trajectory, config, Ranks())
    popart = PopArt(4)
    scaled = actor_critic_loss(policy_value, trajectory, config, Ranks(), popart)
    assert scaled.moments is not None
    unit = scaled.moments.scale
    assert unit > 1e3
    torch.testing.assert_close(scaled.policy_loss * unit, plain.policy_loss)
    torch.testing.assert_close(scaled.value_loss * unit**2, plain.value_loss)
    assert torch.equal(scaled.entropy, plain.entropy)
    valid = ~trajectory.is_first[1:]
    log_policy = torch.log_softmax(policy_value.logits[:-1], -1).gather(-1, actions[1:, :, None].clamp(min=0))[..., 0]
    discounts = torch.full((5, 3), config.discount)
    targets = vtrace(log_policy + 0.7, rewards[1:], discounts, policy_value.values, valid).targets
    assert scaled.moments == popart.moments_with(targets, valid.float(), Ranks())


def test_an_update_changes_the_scale_and_leaves_what_the_belief_is_worth() -> None:
    training = make_training(reinforcement__reward_scale=1e4, learning__learning_rate=1e-30)
    beliefs = torch.randn(9, 16)
    before = training.system.agent.policy_and_value(beliefs).values.detach()
    for _ in range(5):
        training.update()
    value = training.system.agent.heads.value
    assert value.moments.scale > 10
    torch.testing.assert_close(training.system.agent.policy_and_value(beliefs).values, before, rtol=1e-4, atol=1e-3)
    metrics = training.take_metrics()
    assert metrics["acting/target_variance"] > 0
    assert metrics["acting/value_loss"] < 2


def test_a_belief_is_shown_the_logarithm_of_large_rewards() -> None:
    agents = [Training(tinier_acting(reinforcement__popart=popart), CPU).system.agent for popart in (False, True)]
    frames, actions = torch.zeros(1, 3, 8, 8, 3, dtype=torch.uint8), torch.zeros(1, 3, dtype=torch.int64)
    rewards = torch.tensor([[-1000.0, 0.0, 1e6]])
    plain, compressed = (agent.core_inputs(frames, actions, rewards)[..., -1] for agent in agents)
    assert torch.equal(plain, rewards)
    assert compressed[0].tolist() == pytest.approx([-6.9088, 0.0, 13.8155], abs=1e-4)


@pytest.mark.parametrize("stop_after", [1, 4])
def test_a_run_loaded_in_the_middle_ends_bit_for_bit_the_same(stop_after: int) -> None:
    whole, first, second = (make_training() for _ in range(3))
    for _ in range(6):
        whole.update()
    for _ in range(stop_after):
        first.update()
    second.load_state_dict(first.state_dict())
    for _ in range(6 - stop_after):
        second.update()
    expected, ended = whole.system.state_dict(), second.system.state_dict()
    assert "agent.heads.value.variance" in ended
    assert all(torch.equal(value, ended[name]) for name, value in expected.items())
    assert second.take_metrics()["acting/target_mean"] == whole.take_metrics()["acting/target_mean"]
