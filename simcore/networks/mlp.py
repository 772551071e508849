"""Multi-layer perceptrons."""

from itertools import pairwise

from torch import nn


def mlp(*sizes: int, normalise: bool = False) -> nn.Sequential:
    """Make linear layers with a ReLU after all but the last, from `[..., sizes[0]]` to `[..., sizes[-1]]`.

    Args:
        *sizes: of the input, the hidden layers and the output.
        normalise: put a LayerNorm before each ReLU.

    Raises:
        ValueError: fewer than two sizes.
    """
    if len(sizes) < 2:
        raise ValueError(f"an MLP needs an input and an output size, not {sizes}")
    *hidden, last = pairwise(sizes)
    layers: list[nn.Module] = []
    for inputs, outputs in hidden:
        layers += [nn.Linear(inputs, outputs), *([nn.LayerNorm(outputs)] if normalise else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(*last))
