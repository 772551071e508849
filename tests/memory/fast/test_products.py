"""Products in float32, which take another library than the double precision of the other tests."""

import pytest
import torch

from simcore.memory.fast.products import product


@pytest.mark.parametrize("rows", [1, 16, 96])
def test_a_weight_either_way_round_or_a_part_of_one_gives_the_same_product(rows: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, wide = torch.randn(70, 50, generator=generator), torch.randn(rows, 200, generator=generator)
    for b in (weight, weight.T, weight[:, 3:40], weight[:, 3:40].T, weight[5:30], weight[5:30].T):
        a = wide[:, 7 : 7 + len(b)]
        torch.testing.assert_close(product(a, b).double(), a.double() @ b.double(), atol=1e-4, rtol=1e-5)


def test_a_product_over_nothing_is_zero() -> None:
    """As where an unroll is one step long: nothing comes from the step before."""
    assert torch.equal(product(torch.empty(5, 0), torch.empty(0, 7)), torch.zeros(5, 7))
