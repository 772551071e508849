"""A memory recalls what was shown once, and an LSTM of the same size does not learn to."""

import pytest

from benchmarks.recall import train


@pytest.mark.slow
def test_each_memory_recalls_and_the_lstm_does_not() -> None:
    assert train("slots", updates=500, every=500)[-1].accuracy > 0.9
    assert train("kanerva", updates=1500, every=1500)[-1].accuracy > 0.9
    assert train("lstm", updates=1500, every=1500)[-1].accuracy < 0.5
