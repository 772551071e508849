"""Sizes of the multi-layer perceptron."""

import pytest
import torch
from torch import nn

from simcore.networks import mlp


def test_layers_have_the_sizes_given_with_a_relu_between_each_two() -> None:
    net = mlp(5, 7, 3, 2)
    assert [type(layer) for layer in net] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    sizes = [(layer.in_features, layer.out_features) for layer in net if isinstance(layer, nn.Linear)]
    assert sizes == [(5, 7), (7, 3), (3, 2)]
    assert net(torch.zeros(4, 6, 5)).shape == (4, 6, 2)


def test_two_sizes_make_one_linear_layer_whose_output_is_not_clipped() -> None:
    torch.manual_seed(0)
    net = mlp(5, 8)
    inputs = torch.randn(16, 5)
    assert len(net) == 1
    torch.testing.assert_close(net(inputs) + net(-inputs), 2 * net[0].bias.expand(16, -1))
    assert net(inputs).min() < 0


@pytest.mark.parametrize("sizes", [(), (5,)])
def test_fewer_than_two_sizes_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="input and an output size"):
        mlp(*sizes)
