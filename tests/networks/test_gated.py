"""The recurrence against its formula."""

import math

import torch

from simcore.networks import gated


def test_the_first_half_of_the_channels_is_squashed_and_the_second_gates_it() -> None:
    inputs = torch.randn(2, 6, 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    outputs = gated(inputs)
    assert outputs.shape == (2, 3, 1, 2)
    for n in range(2):
        for channel in range(3):
            for column in range(2):
                a, g = inputs[n, channel, 0, column].item(), inputs[n, channel + 3, 0, column].item()
                expected = math.tanh(a) / (1 + math.exp(-g))
                assert math.isclose(outputs[n, channel, 0, column].item(), expected, rel_tol=1e-12)


def test_the_state_stays_between_minus_one_and_one() -> None:
    outputs = gated(torch.tensor([-1e9, 1e9, 1e9, -1e9, 1e9, 1e9, 1e9, -1e9])[None, :, None, None])
    assert outputs.flatten().tolist() == [-1.0, 1.0, 1.0, -0.0]
