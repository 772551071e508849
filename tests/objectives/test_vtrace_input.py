"""What V-trace does with steps that do not count, and with input that does not fit."""

import pytest
import torch

from simcore.objectives.vtrace import vtrace


def test_a_step_that_does_not_count_may_have_any_ratio() -> None:
    ratios, valid = torch.tensor([[0.0], [3e38], [0.0]]), torch.tensor([[True], [False], [True]])
    rewards, discounts, values = torch.ones(3, 1), torch.full((3, 1), 0.9), torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    found = vtrace(ratios, rewards, discounts, values, valid)
    assert found.targets[1].item() == 2.0
    assert found.advantages[1].item() == 0.0
    assert found.targets.isfinite().all()


@pytest.mark.parametrize(
    "changed",
    [
        {"values": torch.zeros(4, 1)},
        {"values": torch.zeros(3, 3)},
        {"valid_t": torch.ones(3, dtype=torch.bool)},
        {"valid_t": torch.ones(3, 1, dtype=torch.bool)},
        {"rewards_tp1": torch.zeros(3)},
    ],
)
def test_shapes_that_would_be_broadcast_are_refused(changed: dict[str, torch.Tensor]) -> None:
    fitting = {name: torch.zeros(3, 3) for name in ("log_ratios_t", "rewards_tp1", "discounts_tp1")}
    with pytest.raises(ValueError, match=r"V-trace over \[T, B\] needs"):
        vtrace(**(fitting | {"values": torch.zeros(4, 3)} | changed))


@pytest.mark.parametrize("bounds", [{"c_bar": 1.1}, {"c_bar": 0.0}, {"rho_bar": 0.5}])
def test_bounds_in_another_order_are_refused(bounds: dict[str, float]) -> None:
    one = torch.zeros(1, 1)
    with pytest.raises(ValueError, match="c_bar not the larger"):
        vtrace(one, one, one, torch.zeros(2, 1), None, **bounds)
