"""ConvDRAW's gated unit (App. A): the product of a tanh and a sigmoid, at half an LSTM's cost."""

import torch
from torch import Tensor


def gated(pre_activation: Tensor) -> Tensor:
    """Return tanh(a) * sigmoid(g) for `[N, 2 C, H, W]` = (a, g) stacked over channels; shape `[N, C, H, W]`."""
    a, g = pre_activation.chunk(2, dim=1)
    return torch.tanh(a) * torch.sigmoid(g)
